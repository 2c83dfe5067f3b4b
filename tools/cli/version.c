#include "tools/cli/cli.h"

#include <jansson.h>
#include <sodium.h>
#include <uv.h>

#ifndef TH_COMMIT
#define TH_COMMIT "unknown"
#endif

const char *th_cli_commit(void)
{
    return TH_COMMIT;
}

/* jansson tells its version as it runs from 2.13 on. */
static const char *jansson_version(void)
{
#if JANSSON_VERSION_HEX >= 0x020d00
    return jansson_version_str();
#else
    return JANSSON_VERSION;
#endif
}

void th_cli_print_version(FILE *out, const char *name)
{
    fprintf(out, "%s " TH_VERSION " (commit %s)\nlibuv %s, libsodium %s, jansson %s\n", name,
            TH_COMMIT, uv_version_string(), sodium_version_string(), jansson_version());
}
