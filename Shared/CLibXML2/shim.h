#include <libxml/HTMLparser.h>

// xmlFree is a variable, which anybody could change: Swift does not let us read it.
static inline void deskwire_xml_free(void *pointer) { xmlFree(pointer); }
