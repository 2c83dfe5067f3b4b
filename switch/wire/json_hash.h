/*
 * json_hash.h - the order inside JSON objects, made the same in every process: for the simulator.
 *
 * Floor:  1 (wire).
 */
#ifndef TH_WIRE_JSON_HASH_H
#define TH_WIRE_JSON_HASH_H

/* Gives jansson's hash tables one fixed seed instead of a random one, for the whole process; only where
 * no peer is real. Before any JSON is read; later calls change nothing. Thread: one. */
void th_json_fix_hash(void);

#endif
