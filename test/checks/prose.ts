/** The prose of the repository: comments, docs, messages, labels and test names. */
import { find, read, sources } from './sources.ts'

/** A piece of prose and the line on which it begins. */
export type Prose = { file: string; line: number; text: string }

/**
 * Words used in place of a noun or of an exact verb. Words of the wire contract are not counted
 * where they are written as code.
 */
const refused = new RegExp(
  String.raw`\b(${[
    'who|whom|whoever|what|whatever|that which',
    'nobody|somebody|everybody|everything|anybody',
    'tells?|told|telling|says?|said|saying|stands?|stood|standing|knows?|knew|knowing',
    'remember(?:s|ed|ing)?|look(?:s|ed|ing)? at|(?:gives?|gave|given|giving) back',
    '(?:go|goes|went|going|gone) on|lies?|lying|anew',
  ].join('|')})\b`,
  'gi',
)

export const refusedWords = (text: string): string[] =>
  [...text.matchAll(refused)].map(([word]) => word.toLowerCase())

export const wordCount = (text: string): number => text.match(/[\p{L}’']+/gu)?.length ?? 0

/** Comments and string literals, in order. A slash that begins a regular expression is skipped. */
const tokens =
  /\/\*[\s\S]*?\*\/|(?<![:\\'"`/])\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g

const isTest = (file: string) =>
  /\.test\.tsx?$|^(test|bench|chaos|examples)\/|^(apps|packages)\/\w+\/test\//.test(file)

const sentence = /[\p{L}’']+(?:[ ,;:]+[\p{L}’']+){2,}/u

function proseOf(file: string): Prose[] {
  const source = read(file)
  const found: Prose[] = []
  for (const { 0: token, index } of source.matchAll(tokens)) {
    const isComment = token.startsWith('/')
    const before = source.slice(Math.max(0, index - 8), index)
    const isTestName = /\b(?:test|it|suite|describe)\($/.test(before)
    if (!isComment && !(isTest(file) ? isTestName : sentence.test(token))) continue
    found.push({ file, line: source.slice(0, index).split('\n').length, text: token })
  }
  return found
}

/** Text of a page outside its code. */
function pageOf(file: string): Prose[] {
  const text = read(file).replace(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) =>
    code.replace(/[^\n]/g, ''),
  )
  return text.split('\n').map((line, at) => ({ file, line: at + 1, text: line }))
}

export function prose(): Prose[] {
  const pages = find('*.md', '{docs,packages,apps,examples}/**/*.md')
  return [...sources().flatMap(proseOf), ...pages.flatMap(pageOf)]
}
