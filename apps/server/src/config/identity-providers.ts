import { httpUrl, optionalText, type Setting, words } from './readers.ts'

/** External identity providers for sign-in. */
export const identityProviders = {
  AUTH_GOOGLE_CLIENT_ID: { about: 'Sign-in with Google: client id', ...optionalText() },
  AUTH_GOOGLE_CLIENT_SECRET: {
    about: 'Sign-in with Google: client secret',
    secret: true as const,
    ...optionalText(),
  },
  AUTH_GOOGLE_REDIRECT_URI: {
    about:
      'Address that Google redirects to after sign-in; unset: `AUTH_BASE_URL` + `/v1/auth/callback/google`',
    ...httpUrl(),
  },
  AUTH_GOOGLE_ALLOWED_DOMAINS: {
    about: 'Domains whose email addresses may sign in with Google, separated by commas; unset: all',
    ...words(),
  },
  AUTH_GITHUB_CLIENT_ID: { about: 'Sign-in with GitHub: client id', ...optionalText() },
  AUTH_GITHUB_CLIENT_SECRET: {
    about: 'Sign-in with GitHub: client secret',
    secret: true as const,
    ...optionalText(),
  },
  AUTH_GITHUB_REDIRECT_URI: {
    about:
      'Address that GitHub redirects to after sign-in; unset: `AUTH_BASE_URL` + `/v1/auth/callback/github`',
    ...httpUrl(),
  },
  AUTH_GITHUB_ALLOWED_DOMAINS: {
    about: 'Domains whose email addresses may sign in with GitHub, separated by commas; unset: all',
    ...words(),
  },
  AUTH_GITHUB_URL: {
    about: 'Address of a GitHub Enterprise Server to use instead of github.com',
    ...httpUrl(),
  },
  AUTH_OIDC_ISSUER: {
    about: 'Sign-in with an OpenID Connect issuer: its address, over https unless it is loopback',
    ...httpUrl(),
  },
  AUTH_OIDC_CLIENT_ID: { about: 'Sign-in with that issuer: client id', ...optionalText() },
  AUTH_OIDC_CLIENT_SECRET: {
    about: 'Sign-in with that issuer: client secret',
    secret: true as const,
    ...optionalText(),
  },
  AUTH_OIDC_REDIRECT_URI: {
    about:
      'Address that the issuer redirects to after sign-in; unset: `AUTH_BASE_URL` + `/v1/auth/callback/oidc`',
    ...httpUrl(),
  },
  AUTH_OIDC_ALLOWED_DOMAINS: {
    about:
      'Domains whose email addresses may sign in with that issuer, separated by commas; unset: all',
    ...words(),
  },
} satisfies Record<string, Setting<unknown>>
