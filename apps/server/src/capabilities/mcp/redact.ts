/** Shorter secrets occur in unrelated texts. */
const lengthMin = 8
const instead = '[secret]'

export type Redact = {
  text: (text: string) => string
  /** Removes secrets from all texts of an object, in place. */
  json: <T>(value: T) => T
  /** Removes secrets from the texts of an error, in place. */
  error: (error: unknown) => unknown
}

/** Removes a server's secrets from its responses: readers of a session must not see its key. */
export function redacting(headers: Readonly<Record<string, string>>): Redact {
  const words = Object.values(headers).flatMap((value) => [value, ...value.split(' ')])
  const secrets = [...new Set(words)].filter(({ length }) => length >= lengthMin)
  const text = (given: string) =>
    secrets.reduce((left, secret) => left.replaceAll(secret, instead), given)
  return {
    text,
    json(value) {
      if (secrets.length > 0) cut({ value }, text)
      return value
    },
    error(error) {
      if (secrets.length === 0 || !(error instanceof Error)) return error
      error.message = text(error.message)
      // The SDK keeps the body of a refused response here.
      const { data } = error as { data?: { text?: unknown } }
      if (typeof data?.text === 'string') data.text = text(data.text)
      return error
    },
  }
}

/** Contract: for parsed JSON; walks without recursion, since the server chooses the depth. */
function cut(root: object, text: (given: string) => string): void {
  const stack: Record<string, unknown>[] = [root as Record<string, unknown>]
  for (let holder = stack.pop(); holder; holder = stack.pop()) {
    for (const [key, value] of Object.entries(holder)) {
      if (typeof value === 'string') holder[key] = text(value)
      else if (typeof value === 'object' && value !== null) {
        stack.push(value as Record<string, unknown>)
      }
    }
  }
}
