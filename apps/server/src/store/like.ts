/** The pattern of `ilike` for texts that contain `search` literally. */
export const containing = (search: string) => `%${search.replace(/[\\%_]/g, '\\$&')}%`
