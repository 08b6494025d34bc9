import { Type } from 'typebox'
import { defineCapability, defineTool } from './capability.ts'
import { fetchPage } from './web-fetch/fetch-page.ts'
import { settingsOf, WebFetchConfig, type WebFetchSettings } from './web-fetch/settings.ts'

const input = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 8192,
      description: 'The whole URL, with http:// or https://.',
    }),
    method: Type.Optional(
      Type.Enum(['GET', 'HEAD'], {
        type: 'string',
        default: 'GET',
        description: 'HEAD returns type and size only.',
      }),
    ),
    as_markdown: Type.Optional(
      Type.Boolean({
        description: 'Whether to convert HTML to Markdown, only its article where it has one.',
      }),
    ),
    as_text: Type.Optional(
      Type.Boolean({
        description:
          'Whether to convert HTML to plain text. Markdown wins when both are requested.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const webFetch = defineCapability({
  id: 'web_fetch',
  name: 'Web Fetch',
  description: 'Fetches pages of the public web unchanged, as Markdown, or as plain text.',
  category: 'Network',
  icon: 'globe',
  status: 'available',
  config: WebFetchConfig,
  sessionRules: {
    allowed_domains: 'hosts',
    blocked_domains: 'union',
    bytes_max: 'smaller',
    timeout_ms: 'smaller',
    content_length_max: 'smaller',
    redirects_max: 'smaller',
    user_agent: 'session',
    default_format: 'session',
    secret_headers: 'agent',
  },
  tools: (config) => {
    const settings = settingsOf(config)
    return [
      defineTool({
        name: 'web_fetch',
        description: describe(settings),
        replay: 'safe',
        input,
        run: (input, context) => fetchPage(input, settings, context),
      }),
    ]
  },
})

const forms = {
  raw: 'HTML is not converted',
  markdown: 'HTML is converted to Markdown',
  text: 'HTML is converted to plain text',
}

function describe(settings: WebFetchSettings): string {
  const { allowed_domains, content_length_max, default_format, secret_headers = [] } = settings
  const hosts = allowed_domains ? ` Only from ${allowed_domains.join(', ')}.` : ''
  const origins = [...new Set(secret_headers.map(({ origin }) => origin))]
  const signedIn = origins.length > 0 ? ` Requests to ${origins.join(', ')} are signed in.` : ''
  return `Fetches a web page and returns up to ${content_length_max} characters. ${forms[default_format]} unless the call asks for another format.${hosts}${signedIn}`
}
