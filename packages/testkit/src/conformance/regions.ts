/** The region of the primary, and the one of the replica. */
export const home = 'ord'
export const away = 'ams'
