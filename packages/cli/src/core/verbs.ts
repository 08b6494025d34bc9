import type { Command, Noun } from './command.ts'

/** Aliases of the verbs that every noun shares. */
export const commonAliases: Readonly<Record<string, readonly string[]>> = {
  list: ['ls'],
  get: ['show', 'view'],
  delete: ['rm'],
}

/** Verbs of other programs, for suggestions only. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  list: ['all', 'index'],
  get: ['info', 'describe', 'read', 'inspect', 'fetch'],
  create: ['add', 'new', 'make', 'start', 'insert'],
  update: ['change', 'edit', 'set', 'modify', 'patch', 'rename'],
  delete: ['remove', 'del', 'destroy', 'drop', 'archive', 'revoke', 'forget'],
  log: ['logs', 'transcript', 'history', 'messages'],
  cancel: ['stop', 'abort', 'kill'],
  push: ['upload', 'put', 'send'],
  pull: ['download'],
  use: ['select', 'switch'],
  select: ['use', 'switch'],
  send: ['say', 'post'],
}

export const aliasesOf = (verb: string, { aliases = [] }: Command): readonly string[] => [
  ...(commonAliases[verb] ?? []),
  ...aliases,
]

/** Finds the verb of a noun by its name or alias. */
export function verbNamed(noun: Noun, word: string): string | undefined {
  if (word !== '' && Object.hasOwn(noun, word)) return word
  return Object.keys(noun).find((verb) => aliasesOf(verb, noun[verb]!).includes(word))
}

/** Finds the verb of a noun that other programs call by this word. */
export const verbForSynonym = (noun: Noun, word: string): string | undefined =>
  Object.keys(noun).find((verb) => synonyms[verb]?.includes(word))

export const allVerbs = (noun: Noun): string[] =>
  Object.entries(noun).flatMap(([verb, command]) => [verb, ...aliasesOf(verb, command)])
