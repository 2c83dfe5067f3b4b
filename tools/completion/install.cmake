# Completion for each program, where the shells look for it.
foreach(program telehashd telehash-web thctl thsim thbench)
  if(NOT TARGET ${program})
    continue()
  endif()
  string(MAKE_C_IDENTIFIER ${program} name)
  foreach(shell bash zsh fish)
    configure_file(tools/completion/program.${shell}.in completion/${program}.${shell} @ONLY)
  endforeach()
  install(FILES ${PROJECT_BINARY_DIR}/completion/${program}.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${program})
  install(FILES ${PROJECT_BINARY_DIR}/completion/${program}.zsh
    DESTINATION ${TH_ZSH_COMPLETION_DIR} RENAME _${program})
  install(FILES ${PROJECT_BINARY_DIR}/completion/${program}.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endforeach()
