/** Characters without a width that change the order in which a browser shows others. */
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Shows controls of directions as escapes: they can make a text look like another one. */
export const escaped = (text: string) =>
  text.replace(
    directions,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
