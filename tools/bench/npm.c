#include "tools/bench/npm.h"

#include "tools/bench/bench.h"

#include <stdlib.h>
#include <string.h>

bool th_npm_run(const char *script, unsigned number, struct th_samples *samples)
{
    const char *folder = getenv("THBENCH_NPM");
    char path[TH_FOLDER_MAX], command[2 * TH_FOLDER_MAX], line[64];
    unsigned before = samples->count;

    if (folder == NULL || strlen(folder) + 32 > sizeof path)
        return false;
    snprintf(path, sizeof path, "%s/thbench-script.js", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    bool is_written = fputs(script, file) >= 0;
    is_written &= fclose(file) == 0;
    snprintf(command, sizeof command, "node '%s' %u", path, number);
    FILE *run = is_written ? popen(command, "r") : NULL;
    while (run && fgets(line, sizeof line, run))
        if (atof(line) > 0 && th_samples_add(samples, atof(line)) != TH_OK)
            break;
    if (run)
        pclose(run);
    remove(path);
    return samples->count > before;
}
