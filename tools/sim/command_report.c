/* thsim report: results as one page. */
#include "tools/sim/command.h"
#include "tools/sim/report.h"

#include <errno.h>
#include <string.h>

/* Nothing is written before all results were read. */
static int read_results(struct th_report *report, int argc, char **argv)
{
    char complaint[TH_REPORT_COMPLAINT_MAX];

    if (argc < 2)
        return th_sim_complain("report", "wants results: RESULT.json...");
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1])
            return th_sim_complain(argv[i], "there is no such flag");
        if (!th_report_read(report, argv[i], complaint))
            return th_sim_complain(argv[i], complaint);
    }
    return TH_EXIT_OK;
}

int th_sim_command_report(int argc, char **argv)
{
    struct th_report *report = th_report_new();
    int code = read_results(report, argc, argv);

    if (code == TH_EXIT_OK) {
        th_report_write(report, stdout);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fprintf(stderr, "thsim: the page could not be written: %s\n", strerror(errno));
            code = TH_EXIT_FAILED;
        }
    }
    th_report_free(report);
    return code;
}
