/*
 * npm.h - references that are programs of Node: the folder in which npm has installed them is named in
 * THBENCH_NPM (npm install hyperdht).
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_NPM_H
#define TH_BENCH_NPM_H

#include "tools/bench/figure.h"

/*
 * Runs a script in that folder and adds each line that it prints, a number, to the samples.
 *
 * number  its argument.
 * False when there is no such folder, or the script printed nothing.
 */
bool th_npm_run(const char *script, unsigned number, struct th_samples *samples);

#endif
