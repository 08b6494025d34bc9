import type { DocsTable } from '../../core/docs.ts'

const tokens = {
  access_token: 'eyJhbGciOiJIUzI1NiJ9…',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'eyJhbGciOiJIUzI1NiJ9…',
}
const credentials = { email: 'ada@example.com', password: 'correct horse battery' }

export const authDocs = {
  get_auth_config: {
    tag: 'Authentication',
    summary: 'Get the sign-in methods',
    description:
      'Returns the authentication mode and the ways to sign in. A login page calls it before anyone is signed in.',
    response: {
      mode: 'full',
      password_auth_enabled: true,
      oauth_providers: ['google'],
      signup_enabled: true,
    },
    sample: 'const config = await outlast.auth.getConfig()',
  },
  login: {
    tag: 'Authentication',
    summary: 'Sign in with a password',
    description:
      'Checks an email address and a password and returns an access token (valid for 15 minutes by default) and a refresh token (30 days). It also sets both as cookies. Ten failed attempts for an address block it for a while. The response takes the same time for unknown addresses.',
    errors: [
      'invalid_login',
      'account_disabled',
      'password_login_disabled',
      'authentication_off',
      'too_many_attempts',
    ],
    request: credentials,
    response: tokens,
    sample:
      "const tokens = await outlast.auth.login({\n  email: 'ada@example.com',\n  password: 'correct horse battery',\n})",
  },
  register: {
    tag: 'Authentication',
    summary: 'Create an account',
    description:
      'Creates an account, signs it in and sets the cookies. The account gets an organization of its own; with the token of an invitation it joins the organization that sent it, even if sign-up is off.',
    errors: [
      'email_taken',
      'registration_disabled',
      'password_registration_disabled',
      'not_found',
      'authentication_off',
      'too_many_attempts',
    ],
    request: { ...credentials, name: 'Ada' },
    response: tokens,
    sample:
      "const tokens = await outlast.auth.register({\n  email: 'ada@example.com',\n  password: 'correct horse battery',\n  name: 'Ada',\n})",
  },
  refresh: {
    tag: 'Authentication',
    summary: 'Refresh tokens',
    description:
      'Exchanges a refresh token for a new pair of tokens. Each refresh token works once: using it again ends the sign-in, because the token may be stolen. A browser sends no body; the server then reads the cookie.',
    errors: ['invalid_refresh_token', 'refresh_token_expired', 'authentication_off'],
    request: { refresh_token: tokens.refresh_token },
    response: tokens,
    sample: "const tokens = await outlast.auth.refresh({ refresh_token: 'eyJhbGciOiJIUzI1NiJ9…' })",
  },
  logout: {
    tag: 'Authentication',
    summary: 'Sign out',
    description:
      'Ends the sign-in of the given token or cookie on every node, with the session tokens that it created, and removes the cookies. It succeeds for an expired token and without one.',
    sample: 'await outlast.auth.logout()',
  },
  get_me: {
    tag: 'Authentication',
    summary: 'Get the current user',
    description:
      'Returns the signed-in user, or the creator of the API key, with the role in the current organization. Without authentication it returns an anonymous administrator.',
    sample: 'const me = await outlast.auth.getMe()',
  },
  change_password: {
    tag: 'Authentication',
    summary: 'Change the password',
    description:
      "Changes the password of the signed-in user, and ends the user's other sign-ins and the session tokens that they created. API keys stay. A wrong current password counts as a failed attempt to sign in.",
    errors: [
      'invalid_login',
      'password_login_disabled',
      'users_only',
      'authentication_off',
      'too_many_attempts',
    ],
    request: { current_password: 'correct horse battery', new_password: 'a longer horse battery' },
    sample:
      "await outlast.auth.changePassword({\n  current_password: 'correct horse battery',\n  new_password: 'a longer horse battery',\n})",
  },
  begin_oauth: {
    tag: 'Authentication',
    summary: 'Start an OAuth sign-in',
    description:
      'Redirects the browser to the sign-in page of an issuer: `google`, `github` or `oidc`, as configured. It sets a cookie that binds the sign-in to this browser for 10 minutes. A browser that asks for HTML is redirected to `/?sign_in=<code>` after an error.',
    errors: [
      'oauth_provider_unknown',
      'oauth_not_configured',
      'oauth_unavailable',
      'authentication_off',
    ],
    sample: "const url = outlast.auth.oauthUrl('google')",
  },
  finish_oauth: {
    tag: 'Authentication',
    summary: 'Finish an OAuth sign-in',
    description:
      'Completes a sign-in after the issuer redirects the browser back: it checks `state` and `code`, sets the cookies and redirects to `/`. Only browsers call it. An address that has an account of another kind is refused.',
    errors: [
      'oauth_state_invalid',
      'oauth_failed',
      'oauth_provider_unknown',
      'oauth_not_configured',
      'email_taken',
      'email_not_allowed',
      'account_disabled',
      'registration_disabled',
      'oauth_unavailable',
      'authentication_off',
    ],
    sample: "const url = outlast.auth.oauthCallbackUrl('google')",
  },
} as const satisfies DocsTable
