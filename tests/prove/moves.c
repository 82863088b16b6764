/* The primitives as functions of their own, to look at their machine code. */
#include "publish.h"

int read_hot_line(const uint64_t *line, sq_entry *entry) { return sq_read_hot_line(line, entry); }

void publish(uint64_t *map, const sq_update *update) { sq_publish(map, update); }
