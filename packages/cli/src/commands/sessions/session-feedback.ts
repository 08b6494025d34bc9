import { defineCommand } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'

const ratings = { up: 'up', down: 'down', none: null } as const
const isRating = (word: string): word is keyof typeof ratings => Object.hasOwn(ratings, word)

export const feedback = defineCommand({
  summary: 'rate a message or a turn: up, down, or none to withdraw',
  positionals: ['<session>', '<message>', '<rating>'],
  flags: {
    comment: { type: 'string', value: 'TEXT', about: 'reason of the rating' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const [id, target, word] = words as [string, string, string]
    if (!isRating(word)) throw new UsageError('The rating must be up, down or none.')
    const about = target.startsWith('turn_') ? { turn_id: target } : { message_id: target }
    const body = { ...about, rating: ratings[word], comment: flags.comment }
    const given = await outlast.sessions.giveFeedback(id, body, { signal })
    const sentence = word === 'none' ? `Withdrew the rating of ${target}.` : `Rated ${target}.`
    await out.done({ id: target, ...given }, sentence)
  },
})
