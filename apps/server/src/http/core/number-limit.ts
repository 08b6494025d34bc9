import { ApiError } from '../../errors.ts'

type NumberLimit = { max: number; what: string; count: () => Promise<number> }

/** Checks that one more may be created; a `max` of 0 is no limit. Throws 403 `quota_exceeded`. */
export async function checkNumber({ max, what, count }: NumberLimit): Promise<void> {
  if (max > 0 && (await count()) >= max) throw new ApiError('quota_exceeded', `${max} ${what}`)
}
