/** In an address: the token of an invitation. */
const parameter = 'invitation'
const key = 'outlast.invitation'

/** What the address said when the page was opened; the router keeps only what it knows. */
const arrived = new URLSearchParams(location.search)

// It has to outlast a sign-in elsewhere.
const given = arrived.get(parameter)
if (given) sessionStorage.setItem(key, given)

/** With which word a sign-in elsewhere sent the browser back, if it did not succeed. */
export const signInProblem = arrived.get('sign_in')

/** The invitation with which somebody came, until it is used or refused. */
export const findInvitation = (): string | null => sessionStorage.getItem(key)

export const forgetInvitation = (): void => sessionStorage.removeItem(key)

/** What an invited person opens. */
export const linkOf = (token: string): string =>
  `${location.origin}/?${new URLSearchParams({ [parameter]: token })}`
