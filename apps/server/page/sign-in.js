import { send } from './api.js'
import { element } from './element.js'

const providerNames = { google: 'Google', github: 'GitHub', oidc: 'single sign-on' }
const words = {
  signIn: {
    title: 'Sign in',
    send: 'Sign in',
    other: 'Create an account',
    has: 'current-password',
  },
  signUp: {
    title: 'Create an account',
    send: 'Create the account',
    other: 'Sign in instead',
    has: 'new-password',
  },
}

/** Why a sign-in elsewhere did not succeed, as the address says when one comes back. */
const sentences = {
  email_not_allowed: 'Your address is not at a domain that may sign in here.',
  email_taken: 'Your address has an account here already: sign in the way you did before.',
  registration_disabled: 'Only who is invited may sign in here for the first time.',
  oauth_unavailable: 'The other service cannot be reached. Try again.',
}
const otherSentence = 'Signing in did not succeed. Try again.'

const at = (id) => document.getElementById(id)
const [panel, form, submit, other] = ['sign-in', 'credentials', 'sign-in-send', 'sign-up'].map(at)
const { name, email, password } = form.elements

/** What the form does now: `signIn` or `signUp`. */
let mode
let signedIn = () => {}

form.addEventListener('submit', (submitted) => {
  submitted.preventDefault()
  void trySignIn()
})
form.addEventListener('input', () => complain(''))
other.addEventListener('click', () => change(mode === 'signIn' ? 'signUp' : 'signIn'))

/** Shows the form in the place of everything else, until somebody is signed in. */
export async function askToSignIn() {
  const config = await send('GET', '/v1/auth/config')
  offer(config)
  change('signIn')
  complain(broughtBack())
  show(true)
  await new Promise((resolve) => {
    signedIn = resolve
  })
  show(false)
}

/** Contract: says it once; a reload asks anew. */
function broughtBack() {
  const code = new URLSearchParams(location.search).get('sign_in')
  if (code === null) return ''
  history.replaceState(null, '', location.pathname + location.hash)
  return Object.hasOwn(sentences, code) ? sentences[code] : otherSentence
}

function show(isAsking) {
  panel.hidden = !isAsking
  at('main').hidden = isAsking
  if (isAsking) email.focus()
  else form.reset()
}

function offer({ oauth_providers: providers, password_auth_enabled: hasPassword, signup_enabled }) {
  form.hidden = !hasPassword
  other.hidden = !hasPassword || !signup_enabled
  at('providers').replaceChildren(
    ...providers.map((provider) => {
      const link = element('a', 'button', `Continue with ${providerNames[provider] ?? provider}`)
      link.href = `/v1/auth/oauth/${provider}`
      return link
    }),
  )
}

function change(wanted) {
  mode = wanted
  complain('')
  at('sign-in-title').textContent = words[mode].title
  submit.textContent = words[mode].send
  other.textContent = words[mode].other
  at('name-field').hidden = mode === 'signIn'
  password.autocomplete = words[mode].has
}

async function trySignIn() {
  const login = { email: email.value.trim(), password: password.value }
  const isNew = mode === 'signUp'
  const missing = [email, password, ...(isNew ? [name] : [])].find(({ value }) => value === '')
  if (missing) return complainAt(missing, 'Fill in every field.')
  complain('')
  submit.disabled = true
  try {
    if (isNew) await send('POST', '/v1/auth/register', { ...login, name: name.value.trim() })
    else await send('POST', '/v1/auth/login', login)
    signedIn()
  } catch ({ message }) {
    complainAt(password, message)
  }
  submit.disabled = false
}

function complainAt(field, sentence) {
  complain(sentence)
  field.focus()
}

function complain(sentence) {
  const problem = at('sign-in-problem')
  problem.textContent = sentence
  problem.hidden = sentence === ''
}
