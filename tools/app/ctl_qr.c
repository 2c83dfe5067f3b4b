#include "tools/app/ctl_qr.h"

#ifdef TH_QRENCODE

#include <dlfcn.h>
#include <qrencode.h>

enum { QUIET = 2 }; /* light modules around it; the standard's 4 cost a quarter of a terminal */

/* Version 4 of the library has been the only one since 2016. */
static const char library[] = "libqrencode.so.4";

static bool is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return code->data[y * code->width + x] & 1;
}

/* Upper and lower half of a character cell are a module each; black on white is said by colour, for
 * a scanner does not read it the other way round. */
static void print(FILE *out, const QRcode *code)
{
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        fputs("\033[30;107m", out);
        for (int x = -QUIET; x < code->width + QUIET; x++) {
            bool upper = is_dark(code, x, y), lower = is_dark(code, x, y + 1);

            fputs(upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ", out);
        }
        fputs("\033[0m\n", out);
    }
}

enum th_err th_qr_print(FILE *out, const char *text, char say[TH_SAY_MAX])
{
    QRcode *(*encode)(const char *, int, QRecLevel, QRencodeMode, int);
    void (*done)(QRcode *);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    enum th_err e = TH_TOO_BIG;

    snprintf(say, TH_SAY_MAX, "--qr needs %s (Debian: libqrencode4); --uri prints the text alone",
             library);
    if (handle == NULL)
        return TH_NOT_FOUND;
    /* POSIX's way to make a function of what dlsym gives. */
    *(void **)&encode = dlsym(handle, "QRcode_encodeString");
    *(void **)&done = dlsym(handle, "QRcode_free");
    if (encode && done) {
        QRcode *code = encode(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);

        snprintf(say, TH_SAY_MAX, "this is too long for a QR code; --uri prints the text alone");
        if (code) {
            print(out, code);
            done(code);
            e = TH_OK;
        }
    }
    dlclose(handle);
    return e;
}

#else

enum th_err th_qr_print(FILE *out, const char *text, char say[TH_SAY_MAX])
{
    (void)out, (void)text;
    snprintf(say, TH_SAY_MAX,
             "--qr is not in this build (it had no libqrencode); --uri prints the text alone");
    return TH_NOT_FOUND;
}

#endif
