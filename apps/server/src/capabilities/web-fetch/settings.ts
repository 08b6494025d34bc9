import { type Static, Type } from 'typebox'
import { SecretHeaders } from '../secrets/secret-refs.ts'
import { Domains } from './domains.ts'

/** Config of `web_fetch`, for agents and sessions. */
export const WebFetchConfig = Type.Object(
  {
    allowed_domains: Type.Optional(
      Domains(
        'Allowed hosts, where *.example.com covers every host below example.com; by default all public hosts.',
      ),
    ),
    blocked_domains: Type.Optional(
      Domains('Refused hosts, also when they are in allowed_domains; by default none.'),
    ),
    bytes_max: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 10 * 1024 * 1024,
        default: 5 * 1024 * 1024,
        title: 'Maximum page size (bytes)',
        description:
          'Maximum decompressed size of a page, 1024 to 10485760 bytes; by default 5242880. Longer pages are truncated.',
      }),
    ),
    timeout_ms: Type.Optional(
      Type.Integer({
        minimum: 1000,
        maximum: 60_000,
        default: 20_000,
        title: 'Timeout (ms)',
        description: 'Time limit of a call, 1000 to 60000 ms; by default 20000.',
      }),
    ),
    content_length_max: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 1_000_000,
        default: 50_000,
        title: 'Maximum content (characters)',
        description: 'Maximum content for the model, 100 to 1000000 characters; by default 50000.',
      }),
    ),
    redirects_max: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 20,
        default: 5,
        title: 'Maximum redirects',
        description: 'Maximum number of redirects, 0 to 20; by default 5.',
      }),
    ),
    user_agent: Type.Optional(
      Type.String({
        pattern: '^[!-~]([ -~]{0,198}[!-~])?$',
        default: 'Outlast-WebFetch/1.0',
        description:
          'User-Agent header of requests, at most 200 characters; by default Outlast-WebFetch/1.0.',
      }),
    ),
    default_format: Type.Optional(
      Type.Enum(['raw', 'markdown', 'text'], {
        type: 'string',
        default: 'raw',
        description: 'Format of HTML for calls without one: raw, markdown or text; by default raw.',
      }),
    ),
    secret_headers: SecretHeaders,
  },
  { additionalProperties: false },
)

export type PageFormat = 'raw' | 'markdown' | 'text'

const defaults = {
  bytes_max: 5 * 1024 * 1024,
  timeout_ms: 20_000,
  content_length_max: 50_000,
  redirects_max: 5,
  user_agent: 'Outlast-WebFetch/1.0',
  default_format: 'raw' as PageFormat,
}

export type WebFetchSettings = Static<typeof WebFetchConfig> & typeof defaults

export const settingsOf = (config: Static<typeof WebFetchConfig>): WebFetchSettings => ({
  ...defaults,
  ...config,
})
