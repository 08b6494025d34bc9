/** Shorter ones stand in many a text that means something else. */
const lengthMin = 8
const instead = '[secret]'

export type Redact = {
  text: (text: string) => string
  /** The same object, with nothing of the secrets in its texts any more. */
  json: <T>(value: T) => T
  /** The same error, with nothing of them in what `sentenceOf` makes of it. */
  error: (error: unknown) => unknown
}

/** Cuts what we told a server out of what it tells: who reads a session need not have its key. */
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
      // The body of an answer that was refused, as the SDK keeps it.
      const { data } = error as { data?: { text?: unknown } }
      if (typeof data?.text === 'string') data.text = text(data.text)
      return error
    },
  }
}

/** Contract: for what was JSON; walks without recursion, since a stranger says how deep. */
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
