// TOML text as a flat list of values with the line and column of every key, over the header-only
// toml++ library. C so that Swift can call it; no exceptions, no input that it does not survive:
// the text's length, the length of key chains and the depth of values are bounded before the
// library sees them, because it builds and frees its tree by recursion.
#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A text longer than this, in bytes, is refused.
#define CTOML_TEXT_BYTES_MAX 1048576
/// A key chain ("a.b.c") with more parts than this, and values nested deeper, are refused.
#define CTOML_DEPTH_MAX 16

typedef enum CTOML_Kind {
    CTOML_TABLE = 0,
    CTOML_ARRAY = 1,
    CTOML_STRING = 2,
    CTOML_INTEGER = 3,
    CTOML_REAL = 4,
    CTOML_BOOLEAN = 5,
    /// A date, a time or both; prong has no use for their values.
    CTOML_DATE = 6
} CTOML_Kind;

/// Text that is valid UTF-8, not ended by NUL; may be empty with a null pointer.
typedef struct CTOML_Text {
    const char *_Nullable bytes;
    size_t length;
} CTOML_Text;

/// One value. The first node is the root table; a parent stands before its children.
typedef struct CTOML_Node {
    /// The index of the table or array that holds this one; -1 for the root.
    int64_t parent;
    CTOML_Kind kind;
    /// Where its key stands, or the value itself in an array; from 1, the column in characters.
    uint32_t line;
    uint32_t column;
    /// The key in a table; empty in an array.
    CTOML_Text key;
    /// For CTOML_STRING.
    CTOML_Text text;
    /// For CTOML_INTEGER, and 0 or 1 for CTOML_BOOLEAN.
    int64_t integer;
    /// For CTOML_REAL.
    double real;
} CTOML_Node;

typedef struct CTOML_Document CTOML_Document;

/// Parses a text. The document is never null short of memory, and must be freed.
CTOML_Document *_Nonnull CTOML_parse(const char *_Nullable text, size_t length);

/// The first syntax error, or an empty text if there is none; then the place is set.
CTOML_Text CTOML_error(
    const CTOML_Document *_Nonnull document, uint32_t *_Nonnull line, uint32_t *_Nonnull column);

/// The nodes, `*count` of them; none after an error. They live as long as the document.
const CTOML_Node *_Nullable CTOML_nodes(
    const CTOML_Document *_Nonnull document, size_t *_Nonnull count);

void CTOML_free(CTOML_Document *_Nonnull document);

#ifdef __cplusplus
}
#endif

#endif
