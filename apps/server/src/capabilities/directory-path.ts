import { Type } from 'typebox'

/** A field that names a directory of the session in which a capability keeps files. */
export const DirectoryPath = (ofDefault: string, description: string) =>
  Type.String({
    // No part may begin with `_`, be `.` or `..`, or hold what a path in a prompt should not.
    pattern: '^(/(?!\\.{1,2}(/|$))[A-Za-z0-9.-][A-Za-z0-9._-]*)+$',
    maxLength: 255,
    default: ofDefault,
    description: `${description} As in \`/data/demo\`.`,
  })
