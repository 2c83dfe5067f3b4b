#include "tools/app/welcome.h"

#include "switch/base/mem.h"
#include "tools/app/addresses.h"

#include <stdio.h>

void th_welcome_print_entry(const struct th_loaded *loaded, const struct th_paths *paths)
{
    char *text = NULL;

    if (th_addresses_entry(&text, &loaded->identity, paths, loaded->hosts, loaded->host_count) ==
        TH_OK)
        fputs(text, stdout);
    th_mem_free(text);
}

void th_welcome_print(const struct th_loaded *loaded, const struct th_config *config,
                      const struct th_addr *bound, unsigned count)
{
    char hex[TH_HASHNAME_HEX + 1], text[TH_ADDR_TEXT_MAX];
    struct th_paths useful;

    th_hashname_write(hex, &loaded->identity.hashname);
    th_addresses_choose(&useful, &loaded->advertised, bound, count, NULL, 0);
    printf("telehashd %s\nhashname  %s\n", TH_VERSION, hex);
    for (unsigned i = 0; i < count; i++) {
        th_addr_write(text, &bound[i]);
        printf("%-9s %s\n", i == 0 ? "address" : "", text);
    }
    printf("state     %s\ncontrol   %s\n\n", config->state_dir, config->socket);
    printf("Others join from this entry; put it into a file and start them with --seeds FILE:\n");
    th_welcome_print_entry(loaded, &useful);
    printf("\nNow try:  thctl %s%s%sstatus\n", config->is_socket_given ? "--socket " : "",
           config->is_socket_given ? config->socket : "", config->is_socket_given ? " " : "");
    fflush(stdout);
}
