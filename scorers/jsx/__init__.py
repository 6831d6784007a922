"""JSX, TSX and plain scripts: TypeScript's own parser in an embedded engine, the verdict, and what is in the tree."""
