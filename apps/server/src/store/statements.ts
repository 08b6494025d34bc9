import type { Statement } from './database.ts'

/** A statement with named parameters. */
export type NamedStatement = Statement & { parameters: readonly string[] }

/** A colon before a name; two colons are a cast. */
const parameter = /(?<!:):([a-z]\w*)/gi

/** Makes a statement from a text with parameters like `:orgId`, numbered by their first use. */
export function statement(name: string, text: string): NamedStatement {
  const found = Array.from(text.matchAll(parameter), (match) => match[1]!)
  const parameters = [...new Set(found)]
  const numbered = text.replace(parameter, (_, name) => `$${parameters.indexOf(name) + 1}`)
  return { name, parameters, text: numbered }
}

/** Orders values by a statement's parameters. Contract: throws when one is missing. */
export function valuesOf({ name, parameters }: NamedStatement, values: object): unknown[] {
  return parameters.map((parameter) => {
    const value = (values as Record<string, unknown>)[parameter]
    if (value === undefined) throw new Error(`${name} has no value for :${parameter}.`)
    return value
  })
}
