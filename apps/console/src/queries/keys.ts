/** Keys of a noun's queries: `all` of them, its `lists`, and `one` with everything below it. */
export const keysOf = (noun: string) => ({
  all: [noun],
  lists: [noun, 'list'],
  one: (id: string) => [noun, id],
})

export type NounKeys = ReturnType<typeof keysOf>
