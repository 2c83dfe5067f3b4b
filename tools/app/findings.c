#include "tools/app/findings.h"

#include "tools/app/utf8.h"

#include <stdarg.h>
#include <stdio.h>

/* Of the names of files and the like that come into it, not each is UTF-8. */
static void write_text(char text[TH_FINDING_TEXT_MAX], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void write_text(char text[TH_FINDING_TEXT_MAX], const char *format, va_list args)
{
    int wanted = vsnprintf(text, TH_FINDING_TEXT_MAX, format, args);

    th_utf8_mend(text, wanted >= TH_FINDING_TEXT_MAX);
}

void th_find(struct th_findings *findings, const char *check, enum th_verdict verdict,
             const char *format, ...)
{
    va_list args;

    if (findings->count == TH_FINDINGS_MAX) {
        findings->left_out++;
        return;
    }
    struct th_finding *finding = &findings->finding[findings->count++];
    *finding = (struct th_finding){.check = check, .verdict = verdict};
    va_start(args, format);
    write_text(finding->text, format, args);
    va_end(args);
}

void th_advise(struct th_findings *findings, const char *format, ...)
{
    va_list args;

    if (findings->left_out > 0)
        return; /* the last line is not the one that it is about */
    TH_CHECK(findings->count > 0);
    struct th_finding *finding = &findings->finding[findings->count - 1];
    va_start(args, format);
    write_text(finding->next, format, args);
    va_end(args);
}

const char *th_verdict_word(enum th_verdict verdict)
{
    switch (verdict) {
    case TH_VERDICT_OK:
        return "ok";
    case TH_VERDICT_WARN:
        return "warn";
    case TH_VERDICT_BAD:
        return "bad";
    case TH_VERDICT_UNKNOWN:
        return "unknown";
    }
    return "?";
}

json_t *th_findings_json(const struct th_findings *findings)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < findings->count; i++) {
        const struct th_finding *f = &findings->finding[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "check", f->check, "verdict",
                                              th_verdict_word(f->verdict), "text", f->text, "next",
                                              f->next[0] ? f->next : NULL));
    }
    return list;
}
