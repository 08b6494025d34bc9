/** URL parameter with the token of an invitation. */
const parameter = 'invitation'
const key = 'outlast.invitation'

/** The URL parameters at page load. The router drops unknown ones. */
const arrived = new URLSearchParams(location.search)

// The token must survive a redirect to an external sign-in.
const given = arrived.get(parameter)
if (given) sessionStorage.setItem(key, given)

/** The error code of a failed external sign-in. */
export const signInProblem = arrived.get('sign_in')

/** Returns the pending invitation token, until it is accepted or declined. */
export const findInvitation = (): string | null => sessionStorage.getItem(key)

export const forgetInvitation = (): void => sessionStorage.removeItem(key)

/** Returns the link of an invitation. */
export const linkOf = (token: string): string =>
  `${location.origin}/?${new URLSearchParams({ [parameter]: token })}`
