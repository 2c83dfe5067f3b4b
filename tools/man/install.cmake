# Man pages, from their sources in scdoc: the page of a program that is not built is left out.
find_program(SCDOC scdoc)
if(NOT SCDOC)
  message(STATUS "scdoc is not there: built without man pages (tools/setup test installs it)")
  return()
endif()

set(pages)
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/man/*.scd)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM LAST_ONLY page) # thctl.1
  string(REGEX REPLACE "[.][0-9]$" "" program ${page})
  string(REGEX MATCH "[0-9]$" section ${page})
  if(section MATCHES "[18]" AND NOT TARGET ${program})
    continue()
  endif()
  set(made ${PROJECT_BINARY_DIR}/man/${page})
  add_custom_command(OUTPUT ${made} COMMAND ${SCDOC} < ${source} > ${made} DEPENDS ${source}
    VERBATIM)
  list(APPEND pages ${made})
  install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
add_custom_target(pages ALL DEPENDS ${pages})
