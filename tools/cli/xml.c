#include "tools/cli/xml.h"

#include <stdbool.h>
#include <string.h>

/* U+FFFE and U+FFFF are no characters of XML, even when they are good UTF-8. */
static bool is_no_character(const char *at)
{
    return strncmp(at, "\xEF\xBF\xBE", 3) == 0 || strncmp(at, "\xEF\xBF\xBF", 3) == 0;
}

void th_xml_text(FILE *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '&')
            fputs("&amp;", out);
        else if (*at == '<')
            fputs("&lt;", out);
        else if (*at == '>')
            fputs("&gt;", out);
        else if (*at == '"')
            fputs("&quot;", out);
        else if (*at == '\'')
            fputs("&#39;", out);
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            fputc(' ', out);
        else if (is_no_character(at))
            fputs("\xEF\xBF\xBD", out), at += 2;
        else
            fputc(*at, out);
    }
}
