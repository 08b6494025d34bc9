/** Forms of credentials of well-known services, and of private keys. */
const forms: readonly RegExp[] = [
  /\b(?:sk|pk|rk|hf|npm)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{20,}/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_\w{20,}/,
  /\bglpat-[\w-]{16,}/,
  /\bxox[abeoprs]-[\w-]{10,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bAIza[\w-]{30,}/,
  /\bya29\.[\w-]{20,}/,
  /\bevr_[a-z_]*[0-9a-f]{32,}/,
  /\beyJ[\w-]{8,}\.[\w-]{8,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(?:bearer|basic)\s+[\w.~+/=-]{20,}/i,
]

/** True for a text that contains a credential of a known form, which must not enter the log. */
export const looksLikeCredential = (text: string) => forms.some((form) => form.test(text))
