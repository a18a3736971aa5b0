/**
 * Where the pretend carrier goes: cities with CDEK's own codes where they are known to us (the rest have made-up ones
 * above 90000), pickup points that are always the same for a city, and what a delivery between two cities costs.
 */

export type City = {
  code: number
  city: string
  nameEn: string
  country: 'RU' | 'KZ' | 'BY'
  region: string
  latitude: number
  longitude: number
  timeZone: string
}

/** code, name, English name, region, latitude, longitude, time zone. */
type Row = readonly [number, string, string, string, number, number, string]

const russia: readonly Row[] = [
  [44, 'Москва', 'Moscow', 'Москва', 55.7558, 37.6173, 'Europe/Moscow'],
  [137, 'Санкт-Петербург', 'Saint Petersburg', 'Санкт-Петербург', 59.9343, 30.3351, 'Europe/Moscow'],
  [270, 'Новосибирск', 'Novosibirsk', 'Новосибирская область', 55.0084, 82.9357, 'Asia/Novosibirsk'],
  [250, 'Екатеринбург', 'Yekaterinburg', 'Свердловская область', 56.8389, 60.6057, 'Asia/Yekaterinburg'],
  [424, 'Казань', 'Kazan', 'Республика Татарстан', 55.7963, 49.1088, 'Europe/Moscow'],
  [414, 'Нижний Новгород', 'Nizhny Novgorod', 'Нижегородская область', 56.2965, 43.9361, 'Europe/Moscow'],
  [259, 'Челябинск', 'Chelyabinsk', 'Челябинская область', 55.1644, 61.4368, 'Asia/Yekaterinburg'],
  [430, 'Самара', 'Samara', 'Самарская область', 53.1959, 50.1002, 'Europe/Samara'],
  [268, 'Омск', 'Omsk', 'Омская область', 54.9885, 73.3242, 'Asia/Omsk'],
  [438, 'Ростов-на-Дону', 'Rostov-on-Don', 'Ростовская область', 47.2357, 39.7015, 'Europe/Moscow'],
  [256, 'Уфа', 'Ufa', 'Республика Башкортостан', 54.7388, 55.9721, 'Asia/Yekaterinburg'],
  [278, 'Красноярск', 'Krasnoyarsk', 'Красноярский край', 56.0153, 92.8932, 'Asia/Krasnoyarsk'],
  [506, 'Воронеж', 'Voronezh', 'Воронежская область', 51.6608, 39.2003, 'Europe/Moscow'],
  [248, 'Пермь', 'Perm', 'Пермский край', 58.0105, 56.2502, 'Asia/Yekaterinburg'],
  [426, 'Волгоград', 'Volgograd', 'Волгоградская область', 48.708, 44.5133, 'Europe/Volgograd'],
  [435, 'Краснодар', 'Krasnodar', 'Краснодарский край', 45.0355, 38.9753, 'Europe/Moscow'],
  [428, 'Саратов', 'Saratov', 'Саратовская область', 51.5336, 46.0343, 'Europe/Saratov'],
  [252, 'Тюмень', 'Tyumen', 'Тюменская область', 57.1522, 65.5272, 'Asia/Yekaterinburg'],
  [431, 'Тольятти', 'Tolyatti', 'Самарская область', 53.5078, 49.4204, 'Europe/Samara'],
  [288, 'Владивосток', 'Vladivostok', 'Приморский край', 43.1155, 131.8855, 'Asia/Vladivostok'],
  [287, 'Хабаровск', 'Khabarovsk', 'Хабаровский край', 48.4802, 135.0719, 'Asia/Vladivostok'],
  [269, 'Томск', 'Tomsk', 'Томская область', 56.4846, 84.9476, 'Asia/Tomsk'],
  [274, 'Барнаул', 'Barnaul', 'Алтайский край', 53.3481, 83.7798, 'Asia/Barnaul'],
  [152, 'Калининград', 'Kaliningrad', 'Калининградская область', 54.7104, 20.4522, 'Europe/Kaliningrad'],
  [90001, 'Иркутск', 'Irkutsk', 'Иркутская область', 52.287, 104.305, 'Asia/Irkutsk'],
  [90002, 'Ижевск', 'Izhevsk', 'Республика Удмуртия', 56.8527, 53.2115, 'Europe/Samara'],
  [90003, 'Ульяновск', 'Ulyanovsk', 'Ульяновская область', 54.3142, 48.4031, 'Europe/Ulyanovsk'],
  [90004, 'Ярославль', 'Yaroslavl', 'Ярославская область', 57.6261, 39.8845, 'Europe/Moscow'],
  [90005, 'Махачкала', 'Makhachkala', 'Республика Дагестан', 42.9849, 47.5047, 'Europe/Moscow'],
  [90006, 'Оренбург', 'Orenburg', 'Оренбургская область', 51.7682, 55.0974, 'Asia/Yekaterinburg'],
  [90007, 'Кемерово', 'Kemerovo', 'Кемеровская область', 55.3547, 86.0884, 'Asia/Novokuznetsk'],
  [90008, 'Рязань', 'Ryazan', 'Рязанская область', 54.6296, 39.7425, 'Europe/Moscow'],
  [90009, 'Астрахань', 'Astrakhan', 'Астраханская область', 46.3497, 48.0408, 'Europe/Astrakhan'],
  [90010, 'Пенза', 'Penza', 'Пензенская область', 53.1959, 45.0183, 'Europe/Moscow'],
  [90011, 'Тула', 'Tula', 'Тульская область', 54.1931, 37.6177, 'Europe/Moscow'],
  [90012, 'Сочи', 'Sochi', 'Краснодарский край', 43.5855, 39.7231, 'Europe/Moscow'],
  [90013, 'Тверь', 'Tver', 'Тверская область', 56.8587, 35.9176, 'Europe/Moscow'],
  [90014, 'Мурманск', 'Murmansk', 'Мурманская область', 68.9707, 33.0749, 'Europe/Moscow'],
  [90015, 'Архангельск', 'Arkhangelsk', 'Архангельская область', 64.5393, 40.5187, 'Europe/Moscow'],
  [90016, 'Якутск', 'Yakutsk', 'Республика Саха (Якутия)', 62.0272, 129.7322, 'Asia/Yakutsk'],
  [90017, 'Южно-Сахалинск', 'Yuzhno-Sakhalinsk', 'Сахалинская область', 46.9591, 142.738, 'Asia/Sakhalin'],
  [
    90018,
    'Петропавловск-Камчатский',
    'Petropavlovsk-Kamchatsky',
    'Камчатский край',
    53.0245,
    158.6433,
    'Asia/Kamchatka',
  ],
]

const kazakhstan: readonly Row[] = [
  [4756, 'Алматы', 'Almaty', 'Алматы', 43.2389, 76.8897, 'Asia/Almaty'],
  [4961, 'Астана', 'Astana', 'Астана', 51.1694, 71.4491, 'Asia/Almaty'],
  [90101, 'Шымкент', 'Shymkent', 'Шымкент', 42.3417, 69.5901, 'Asia/Almaty'],
]

const belarus: readonly Row[] = [
  [9220, 'Минск', 'Minsk', 'Минск', 53.9006, 27.559, 'Europe/Minsk'],
  [90201, 'Гомель', 'Gomel', 'Гомельская область', 52.4242, 31.0145, 'Europe/Minsk'],
]

export const cities: readonly City[] = [
  ...russia.map((row) => rowToCity(row, 'RU')),
  ...kazakhstan.map((row) => rowToCity(row, 'KZ')),
  ...belarus.map((row) => rowToCity(row, 'BY')),
]

export const citiesByCode: ReadonlyMap<number, City> = new Map(cities.map((city) => [city.code, city]))

function rowToCity([code, city, nameEn, region, latitude, longitude, timeZone]: Row, country: City['country']): City {
  return { code, city, nameEn, country, region, latitude, longitude, timeZone }
}

/** As people type: case and ё do not count. */
export function plainName(name: string): string {
  return name.trim().toLowerCase().replaceAll('ё', 'е')
}

/** By the whole name, Russian or English. */
export function findCityByName(name: string): City | undefined {
  const wanted = plainName(name)
  return cities.find(({ city, nameEn }) => plainName(city) === wanted || plainName(nameEn) === wanted)
}

export function nearestCity(latitude: number, longitude: number): City | undefined {
  let best: { city: City; km: number } | undefined
  for (const city of cities) {
    const km = kilometres(city, { latitude, longitude })
    if (!best || km < best.km) best = { city, km }
  }
  return best?.city
}

/** Along a great circle. */
export function kilometres(
  a: { latitude: number; longitude: number },
  b: { latitude: number; longitude: number },
): number {
  const rad = Math.PI / 180
  const half = (angle: number): number => Math.sin((angle * rad) / 2) ** 2
  const h =
    half(b.latitude - a.latitude) +
    Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * half(b.longitude - a.longitude)
  return 12_742 * Math.asin(Math.min(1, Math.sqrt(h)))
}

export type DeliveryPoint = {
  code: string
  city: City
  address: string
  workTime: string
  type: 'PVZ' | 'POSTAMAT'
  latitude: number
  longitude: number
}

const streets = [
  'ул. Ленина',
  'ул. Советская',
  'пр-т Мира',
  'ул. Гагарина',
  'ул. Кирова',
  'ул. Пушкина',
  'ул. Садовая',
  'ул. Октябрьская',
  'Привокзальная пл.',
  'ул. Молодёжная',
]

export const deliveryPoints: readonly DeliveryPoint[] = cities.flatMap(cityToPoints)
export const pointsByCode: ReadonlyMap<string, DeliveryPoint> = new Map(
  deliveryPoints.map((point) => [point.code, point]),
)

/** Three to six; the last is a locker. */
function cityToPoints(city: City): DeliveryPoint[] {
  const count = 3 + (city.code % 4)
  return Array.from({ length: count }, (_, index) => {
    const seed = city.code * 7 + index * 13
    const isLocker = index === count - 1
    return {
      code: `${city.nameEn.slice(0, 3).toUpperCase()}${city.code}${index + 1}`,
      city,
      address: `${streets[seed % streets.length] ?? 'ул. Ленина'}, ${1 + (seed % 89)}`,
      workTime: isLocker ? 'Пн-Вс круглосуточно' : 'Пн-Пт 10:00-20:00, Сб-Вс 10:00-18:00',
      type: isLocker ? 'POSTAMAT' : 'PVZ',
      latitude: round(city.latitude + ((seed % 11) - 5) / 100),
      longitude: round(city.longitude + ((seed % 13) - 6) / 100),
    }
  })
}

export type Tariff = {
  code: number
  name: string
  /** 1 door to door, 2 door to warehouse, 3 warehouse to door, 4 warehouse to warehouse, 7 warehouse to locker. */
  mode: 1 | 2 | 3 | 4 | 7
  maxGrams: number
  baseRubles: number
  rublesPerKm: number
  /** For each kilogram after the first. */
  rublesPerKg: number
  /** How far it gets in a day. */
  kmPerDay: number
  extraDays: number
}

/** Real codes and names; the prices are ours. */
export const tariffs: readonly Tariff[] = [
  tariff(136, 'Посылка склад-склад', 4, 30_000, 210, 0.035, 38, 700, 0),
  tariff(137, 'Посылка склад-дверь', 3, 30_000, 330, 0.04, 42, 700, 0),
  tariff(138, 'Посылка дверь-склад', 2, 30_000, 330, 0.04, 42, 700, 0),
  tariff(139, 'Посылка дверь-дверь', 1, 30_000, 450, 0.045, 46, 700, 0),
  tariff(234, 'Экономичная посылка склад-склад', 4, 50_000, 160, 0.022, 26, 400, 2),
  tariff(368, 'Посылка склад-постамат', 7, 15_000, 195, 0.034, 38, 700, 0),
  tariff(483, 'Экспресс склад-склад', 4, 70_000, 480, 0.11, 120, 2500, -1),
]

export const tariffsByCode: ReadonlyMap<number, Tariff> = new Map(tariffs.map((tariff) => [tariff.code, tariff]))

function tariff(
  code: number,
  name: string,
  mode: Tariff['mode'],
  maxGrams: number,
  baseRubles: number,
  rublesPerKm: number,
  rublesPerKg: number,
  kmPerDay: number,
  extraDays: number,
): Tariff {
  return { code, name, mode, maxGrams, baseRubles, rublesPerKm, rublesPerKg, kmPerDay, extraDays }
}

/**
 * Price in whole rubles and working days, always the same for the same cities and weight. Abroad costs more and takes
 * longer.
 * @param grams the greater of real and volume weight.
 * @returns undefined where the parcel is too heavy for the tariff.
 */
export function priceOf(
  tariff: Tariff,
  from: City,
  to: City,
  grams: number,
): { sum: number; daysMin: number; daysMax: number } | undefined {
  if (grams > tariff.maxGrams) return undefined
  const km = kilometres(from, to)
  const isAbroad = from.country !== to.country
  const extraKg = Math.max(0, Math.ceil(grams / 1000) - 1)
  const sum =
    tariff.baseRubles + km * tariff.rublesPerKm + extraKg * tariff.rublesPerKg * (1 + km / 4000) + (isAbroad ? 400 : 0)
  const days = Math.max(1, 1 + Math.ceil(km / tariff.kmPerDay) + tariff.extraDays + (isAbroad ? 3 : 0))
  const daysMin = from.code === to.code ? 1 : days
  return { sum: Math.round(sum), daysMin, daysMax: daysMin + 1 + Math.floor(km / 2500) }
}

function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6
}
