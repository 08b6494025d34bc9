/** A browser for sign-in tests: cookies by host, path and protocol, and redirects one at a time. */

type Cookie = { name: string; value: string; origin: string; path: string; secure: boolean }

export type Page = { url: URL; status: number; headers: Headers; body: string }

const stepsMax = 12

/** `places`: the addresses that serve the origins to which the browser is redirected. */
export function openBrowser(places: Record<string, string>) {
  let jar: Cookie[] = []
  /** Every response of our server to this browser. */
  const seen: string[] = []

  function keep(url: URL, line: string) {
    const [pair = '', ...attributes] = line.split(/; */)
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    const attribute = (wanted: string) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.split('=')[1]
    const path = attribute('path') ?? '/'
    jar = jar.filter((one) => one.name !== name || one.origin !== url.origin || one.path !== path)
    const expires = attribute('expires')
    const isOver =
      attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) < Date.now())
    const secure = attributes.some((one) => one.toLowerCase() === 'secure')
    if (!isOver) jar.push({ name, value, origin: url.origin, path, secure })
  }

  const reaches = ({ origin, path, secure }: Cookie, url: URL) =>
    origin === url.origin &&
    (!secure || url.protocol === 'https:') &&
    (path === '/' || url.pathname === path || url.pathname.startsWith(`${path}/`))

  async function open(to: string | URL, form?: Record<string, string>): Promise<Page> {
    const url = new URL(to)
    const place = places[url.origin]
    const cookie = jar
      .filter((one) => reaches(one, url))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    const response = await fetch((place ?? url.origin) + url.pathname + url.search, {
      redirect: 'manual',
      headers: cookie === '' ? {} : { cookie },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    })
    const body = await response.text()
    for (const line of response.headers.getSetCookie()) keep(url, line)
    if (place) seen.push(body, JSON.stringify([...response.headers]))
    return { url, status: response.status, headers: response.headers, body }
  }

  return {
    open,
    seen,
    /** Follows redirects until `isThere` or until a response has no redirect. */
    async follow(from: Page, isThere: (url: URL) => boolean = () => false): Promise<Page | URL> {
      let page = from
      for (let step = 0; step < stepsMax; step += 1) {
        const location = page.headers.get('location')
        if (location === null) return page
        const next = new URL(location, page.url)
        if (isThere(next)) return next
        page = await open(next)
      }
      throw new Error(`redirected more than ${stepsMax} times`)
    },
    cookie: (name: string) => jar.find((one) => one.name === name),
    /** Copies the cookies of another browser. */
    steal: (cookie: Cookie) => void jar.push(cookie),
  }
}

export type Browser = ReturnType<typeof openBrowser>
