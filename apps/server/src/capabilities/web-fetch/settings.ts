import { type Static, Type } from 'typebox'
import { Domains } from './domains.ts'

/** What an agent or a session may say of the pages that are fetched for it. */
export const WebFetchConfig = Type.Object(
  {
    allowed_domains: Type.Optional(
      Domains(
        'The only hosts that may be fetched; *.example.com means every host below example.com. Without it: all public ones.',
      ),
    ),
    blocked_domains: Type.Optional(
      Domains('Hosts that may not be fetched, whatever else is allowed.'),
    ),
    bytes_max: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 10 * 1024 * 1024,
        default: 5 * 1024 * 1024,
        description: 'Bytes of a page, decompressed, that are read.',
      }),
    ),
    timeout_ms: Type.Optional(
      Type.Integer({
        minimum: 1000,
        maximum: 60_000,
        default: 20_000,
        description: 'Milliseconds that a whole call may take.',
      }),
    ),
    content_length_max: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 1_000_000,
        default: 50_000,
        description: 'Characters of content that the model is given.',
      }),
    ),
    redirects_max: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 20,
        default: 5,
        description: 'Redirects that are followed.',
      }),
    ),
    user_agent: Type.Optional(
      Type.String({
        pattern: '^[!-~]([ -~]{0,198}[!-~])?$',
        default: 'Outlast-WebFetch/1.0',
        description: 'What the server calls itself at the sites that it asks.',
      }),
    ),
    default_format: Type.Optional(
      Type.Enum(['raw', 'markdown', 'text'], {
        type: 'string',
        default: 'raw',
        description: 'What HTML becomes when a call does not say.',
      }),
    ),
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

export type Settings = Static<typeof WebFetchConfig> & typeof defaults

export const settingsOf = (config: Static<typeof WebFetchConfig>): Settings => ({
  ...defaults,
  ...config,
})
