import { descriptionHere } from '@outlast/contract'

export type DocumentPart = Record<string, unknown>

/** The components of a document, which are added when something refers to them. */
export function createComponents() {
  const schemas: Record<string, DocumentPart> = {}
  const responses: DocumentPart = {}
  const examples: DocumentPart = {}

  /** A schema in which parts with a `title` are references. */
  function refer(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(refer)
    if (typeof node !== 'object' || node === null) return node
    const { title } = node as { title?: unknown }
    if (typeof title !== 'string') return partsOf(node)
    if (schemas[title] === undefined) {
      schemas[title] = {}
      const { title: _, ...parts } = node as DocumentPart
      Object.assign(schemas[title], partsOf(parts))
    }
    const description = descriptionHere(node)
    const $ref = `#/components/schemas/${title}`
    return description === undefined ? { $ref } : { $ref, description }
  }

  const partsOf = (node: object): DocumentPart =>
    Object.fromEntries(
      Object.entries(node).map(([key, value]) => [key, literal.has(key) ? value : refer(value)]),
    )

  return {
    refer,
    /** A reference to the response of this name, which `make` makes once. */
    shareResponse(name: string, make: () => DocumentPart): DocumentPart {
      responses[name] ??= make()
      return { $ref: `#/components/responses/${name}` }
    },
    shareExample(name: string, value: unknown): DocumentPart {
      examples[name] ??= { value }
      return { $ref: `#/components/examples/${name}` }
    },
    all: () => ({
      schemas: sorted(schemas),
      responses: sorted(responses),
      examples: sorted(examples),
    }),
  }
}

/** Keywords whose values are data, not schemas. */
const literal = new Set(['examples', 'example', 'default', 'const', 'enum', 'required', 'mapping'])

const sorted = (map: DocumentPart): DocumentPart =>
  Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
