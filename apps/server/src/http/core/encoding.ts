/**
 * Returns the first of our encodings that a client accepts, by its `Accept-Encoding`; undefined if
 * it accepts none, as with `q=0`.
 */
export function acceptedEncoding<Name extends string>(
  header: string | undefined,
  ours: readonly Name[],
): Name | undefined {
  const accepted = (header ?? '')
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [name = '', ...parameters] = part.split(';').map((one) => one.trim())
      const quality = parameters.find((one) => one.startsWith('q='))?.slice('q='.length)
      return quality !== undefined && Number(quality) === 0 ? [] : [name]
    })
  return ours.find((one) => accepted.includes(one))
}
