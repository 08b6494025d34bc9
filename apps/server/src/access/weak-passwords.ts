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
  jasmine brandon patricia fernando alejandro alejandra valentina isabella gabriel gabriela santiago carlos miguel
  antonio andrea angela angelica daniela danielle victoria stephanie stephen steven jonathan nathan tyler austin
  taylor morgan madison hannah abigail emily emma olivia lauren megan rachel rebecca sarah melissa michele monica
  veronica vanessa claudia caroline christine christina kimberly heather elizabeth margaret catherine katherine
  benjamin joseph john james david kevin brian justin jason ryan eric patrick peter paul mark adam aaron dennis
  donald edward frank gregory henry jack jeremy jerry larry louis lucas marcus martin oliver oscar philip raymond
  roger ronald samuel scott simon stefan sebastian tobias vincent walter ivan igor sergey dmitry vladimir natalia
  muhammad mohamed mohammed ahmed ali fatima hassan ibrahim priya rahul krishna ganesh
  bonjour motdepasse soleil doudou chouchou hallo passwort schatz sommer schalke geheim contrasena contraseña
  teamo amor mivida estrella princesa senha brasil flamengo corinthians teiubesc kocham polska haslo parola
  steeler cowboy laker eagle redsox packer patriot bronco raider giant dodger cardinal thunder lightning rocket
  steelers cowboys lakers packers patriots broncos raiders dodgers giants rangers bulldog wolverine
  ginger pepper tigger maggie snoopy peanut bubbles smokey lucky rocky bandit oreo precious babygirl baby girl
  gorgeous beautiful handsome sexy sexyback sexygirl bigdaddy lollipop cupcake icecream popcorn strawberry
  blueberry pineapple watermelon cinnamon barbie tinkerbell hellokitty spongebob mickey mickeymouse pikachu
  nintendo playstation xbox roblox warcraft starcraft counterstrike onepiece gundam zelda mario sonic
  superstar champion legend wizard merlin maverick skywalker scorpion slipknot metallica rockstar nirvana eminem
  midnight moonlight starlight sunflower butterflies elephant penguin unicorn kitten puppy turtle spider snake
  blessed godisgood faith hope grace peace creative paradise universe infinity nothing something anything
  opensesame abracadabra cisco juniper dell toshiba lenovo nokia sony intel nvidia adobe amazon netflix
  twitter instagram whatsapp linkedin yahoo hotmail gmail canada france germany deutschland espana mexico italia
  india china japan russia australia chicago dallas boston houston texas california florida hawaii
  student teacher doctor engineer developer support service helpdesk backup network firewall router switch
  production staging training finance sales marketing
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
  'qwaszx',
  'a1b2c3d4e5f6g7h8',
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

/** Lists the words that a password resembles: without affixes, and with letters for signs. */
function readingsOf(lower: string): string[] {
  const bare = withoutEnds(lower)
  return [lower, bare, plainLetters(bare), withoutEnds(plainLetters(lower)), plainLetters(lower)]
}

const pieceMin = 3
const looseMax = 2

/** Returns the length of the longest run or repeated character at a position; 0 for none. */
function pieceAt(text: string, from: number): number {
  const repeated = /^(.)\1+/u.exec(text.slice(from))?.[0].length ?? 0
  let length = pieceMin
  while (from + length <= text.length && isPartOfRun(text.slice(from, from + length))) length += 1
  return Math.max(repeated, length > pieceMin ? length - 1 : 0)
}

/** True for adjacent runs and repeated characters, with at most two other characters. */
function isMadeOfRuns(text: string): boolean {
  let loose = 0
  for (let at = 0; at < text.length; ) {
    const length = pieceAt(text, at)
    if (length === 0) loose += 1
    at += Math.max(1, length)
  }
  return loose <= looseMax
}

const digitsMin = 12
const unitMin = 5
const distinctMin = 4

/** True for a weak password: a common word with affixes, runs, a repetition, a number. */
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
    readings.some((one) => words.has(one) || isOwn(one)) ||
    isRun(withoutEnds(unit)) ||
    isMadeOfRuns(unit)
  )
}

const isPartOfRun = (text: string) => runs.some((run) => run.includes(text))
const isRun = (text: string) => text.length >= unitMin && isPartOfRun(text)
