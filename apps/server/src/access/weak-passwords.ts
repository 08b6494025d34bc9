/** Words that passwords are commonly built from, in lower case and without digits or signs. */
const words = new Set(
  `password passwort passwd pass passphrase secret private login logon signin access admin administrator
  administrador root user username guest default changeme changeit letmein welcome hello test testing tester
  temp temporary demo example sample server system oracle postgres mysql database docker outlast agent agents
  company office master superuser supervisor manager security secure internet computer laptop windows microsoft
  google facebook apple samsung android iphone linux ubuntu debian github pokemon naruto minecraft fortnite
  qwerty qwertz azerty qwertyuiop asdf asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc abcdef abcdefg abcdefgh
  iloveyou loveyou lovely love myself forever trust trustno trustme trustnoone nothing whatever please
  football baseball basketball soccer hockey tennis golf chelsea arsenal liverpool barcelona juventus yankees
  dragon monkey tiger lion panther eagle falcon shadow phoenix butterfly dolphin horse bailey buster charlie
  princess princesa prince queen king angel angels heaven devil satan jesus christ superman batman spiderman
  starwars matrix gandalf pirate ninja samurai warrior hunter killer ranger soldier marine captain
  michael michelle jennifer jessica jordan joshua daniel andrew ashley amanda nicole matthew anthony thomas
  robert william richard charles george alexander alexandra sophie maria natasha samantha benjamin christian
  summer winter spring autumn january february march april june july august september october november december
  monday tuesday wednesday thursday friday saturday sunday london paris berlin madrid newyork america england
  sunshine rainbow flower flowers diamond silver golden purple orange banana chocolate cookie cheese coffee
  freedom liberty mustang ferrari porsche mercedes corvette harley yamaha honda toyota
  money dollar bitcoin lottery lucky success happy friend friends family mother father baby
  fuckyou fuckoff asshole bullshit biteme pussy`.split(/\s+/),
)

/** Rows of a keyboard, the alphabet and digits, as fingers run over them. */
const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '0123456789012345678901234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1q2w3e4r5t6y7u8i9o0p',
  'q1w2e3r4t5y6u7i8o9p0',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'qazwsxedcrfvtgbyhnujmikolp',
  '!@#$%^&*()_+',
].flatMap((run) => [run, [...run].reverse().join('')])

const signs: Record<string, string> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
}

const plainLetters = (text: string) => text.replace(/[@431!0$57]/g, (sign) => signs[sign]!)
const withoutEnds = (text: string) => text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')

/** The words that a password can be read as: without what stands before and after, and with letters for signs. */
function readingsOf(lower: string): string[] {
  const bare = withoutEnds(lower)
  return [lower, bare, plainLetters(bare), withoutEnds(plainLetters(lower)), plainLetters(lower)]
}

const digitsMin = 12
const unitMin = 5
const distinctMin = 4

/** True for a password that is guessed first: a common word with anything around it, a run, a repetition, a number. */
export function isWeak(password: string, own: readonly string[] = []): boolean {
  const lower = password.toLowerCase()
  if (new Set(lower).size < distinctMin) return true
  if (/^\d+$/.test(lower) && lower.length < digitsMin) return true
  const unit = /^(.+?)\1+$/u.exec(lower)?.[1] ?? lower
  if (unit.length < unitMin) return true
  const readings = readingsOf(unit)
  const ownReadings = new Set(own.flatMap((word) => [word, withoutEnds(word)]))
  const isOwn = (text: string) => text.length >= distinctMin && ownReadings.has(text)
  return (
    readings.some((one) => words.has(one) || isOwn(one)) || isRun(unit) || isRun(withoutEnds(unit))
  )
}

const isRun = (text: string) => text.length >= unitMin && runs.some((run) => run.includes(text))
