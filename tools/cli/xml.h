/*
 * xml.h - text for pages and pictures.
 *
 * Floor:  1 (cli).
 * Thread: any.
 */
#ifndef TH_CLI_XML_H
#define TH_CLI_XML_H

#include <stdio.h>

/* Writes text with what is special in XML escaped, and what must not stand in it replaced. */
void th_xml_text(FILE *out, const char *text);

#endif
