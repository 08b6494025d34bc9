import { Type } from 'typebox'

/** A config field for a directory in the session's files. */
export const DirectoryPath = (ofDefault: string, description: string) =>
  Type.String({
    // No part may begin with `_` or be `.` or `..`, and all characters must be safe in a prompt.
    pattern: '^(/(?!\\.{1,2}(/|$))[A-Za-z0-9.-][A-Za-z0-9._-]*)+$',
    maxLength: 255,
    default: ofDefault,
    title: 'Directory',
    description: `${description}, as in \`/data/demo\`; by default \`${ofDefault}\`.`,
  })
