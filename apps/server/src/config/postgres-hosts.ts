const shape = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^/?]+)(.*)$/
/** A node requires the one server that accepts writes, so these values are equivalent. */
const attributes = ['any', 'primary', 'read-write']

/**
 * Splits a PostgreSQL URL with several hosts (`postgres://user@one:5432,two:5433/name`) into one
 * URL per host.
 */
export function hostUrls(url: string): string[] {
  const [, before, hosts, after] = shape.exec(url) ?? []
  if (hosts === undefined) return [url]
  return hosts.split(',').map((host) => `${before}${host}${after}`)
}

/** Returns why a PostgreSQL URL is invalid; undefined for a valid one. */
export function problemOfPostgresUrl(url: string): string | undefined {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    return 'must be a URL that begins with postgres:// or postgresql://'
  }
  if (!hostUrls(url).every((one) => URL.canParse(one))) {
    return 'must look like postgres://user:password@host:5432/name, with several hosts separated by commas'
  }
  const parameters = new URL(hostUrls(url)[0]!).searchParams
  if (parameters.get('host')?.includes(',')) {
    return 'must name several hosts before the path, as in postgres://one:5432,two:5432/name'
  }
  const wanted = parameters.get('target_session_attrs')
  if (wanted !== null && !attributes.includes(wanted)) {
    return `has target_session_attrs=${wanted}, but a node requires the server that accepts writes: use read-write`
  }
  return undefined
}
