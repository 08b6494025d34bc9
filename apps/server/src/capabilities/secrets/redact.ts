import { replaceWord, wordsOf } from './occurrences.ts'

/** Shorter secrets occur in unrelated texts, and could be guessed by what was replaced. */
export const secretLengthMin = 8
const instead = '[secret]'
/** Characters of a text for a byte of a secret, in escapes such as `&#x00002b;`. */
const writtenMax = 10

export type Redact = {
  text: (text: string) => string
  /** The bytes of a text in an encoding that contains ASCII. */
  bytes: (bytes: Uint8Array) => Uint8Array
  /** The beginning of a longer text. Removes its end too, which could be a part of a secret. */
  beginning: (text: string) => string
  beginningOfBytes: (bytes: Uint8Array) => Uint8Array
  /** Removes secrets from all texts, names and numbers of an object, in place. */
  json: <T>(value: T) => T
  /** Removes secrets from the texts of an error, in place. */
  error: (error: unknown) => unknown
}

/**
 * Removes secrets from what a server returns: readers of a session must not see them. Parts of a
 * secret stay: replacing them would reveal to a guesser how far a guess is right.
 */
export function redacting(given: readonly string[]): Redact {
  const secrets = [...new Set(given)].filter(({ length }) => length >= secretLengthMin)
  const words = secrets.flatMap(wordsOf)
  const longest = Math.max(0, ...secrets.map((secret) => Buffer.byteLength(secret) * writtenMax))
  const text = (given: string) =>
    words.reduce((left, word) => replaceWord(left, word, instead), given)
  const bytes = (given: Uint8Array): Uint8Array => {
    if (words.length === 0) return given
    const left = text(Buffer.from(given).toString('latin1'))
    // A copy of its own, which can be transferred to a thread.
    return new Uint8Array(Buffer.from(left, 'latin1'))
  }
  // After whole secrets are removed: a cut inside one would leave its beginning.
  const withoutEnd = <T extends string | Uint8Array>(whole: T) =>
    longest === 0 ? whole : (whole.slice(0, Math.max(0, whole.length - longest)) as T)
  return {
    text,
    bytes,
    beginning: (given) => withoutEnd(text(given)),
    beginningOfBytes: (given) => withoutEnd(bytes(given)),
    json(value) {
      if (words.length === 0) return value
      const holder = { value }
      cut(holder, text)
      return holder.value
    },
    error(error) {
      if (words.length === 0 || !(error instanceof Error)) return error
      error.message = text(error.message)
      // The SDK of MCP keeps the body of a refused response here.
      const { data } = error as { data?: { text?: unknown } }
      if (typeof data?.text === 'string') data.text = text(data.text)
      return error
    },
  }
}

/** The secrets of headers: their values, and the words of these. */
export const secretsIn = (headers: Readonly<Record<string, string>>) =>
  Object.values(headers).flatMap((value) => [value, ...value.split(' ')])

/** Contract: for parsed JSON; walks without recursion, since the server chooses the depth. */
function cut(root: object, text: (given: string) => string): void {
  const stack: Record<string, unknown>[] = [root as Record<string, unknown>]
  for (let holder = stack.pop(); holder; holder = stack.pop()) {
    for (const [name, value] of Object.entries(holder)) {
      const key = Array.isArray(holder) ? name : text(name)
      if (key !== name) delete holder[name]
      if (typeof value === 'string') holder[key] = text(value)
      else if (typeof value === 'number') holder[key] = numberWithout(value, text)
      else if (key !== name) holder[key] = value
      if (typeof value === 'object' && value !== null) {
        stack.push(value as Record<string, unknown>)
      }
    }
  }
}

function numberWithout(value: number, text: (given: string) => string) {
  const written = String(value)
  return text(written) === written ? value : instead
}
