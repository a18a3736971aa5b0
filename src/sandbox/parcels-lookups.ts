/** What the pretend CDEK answers without remembering anything: cities, pickup points, prices. */
import { asRecord, locationToCity } from './parcels-orders.ts'
import {
  type City,
  cities,
  deliveryPoints,
  type DeliveryPoint,
  nearestCity,
  plainName,
  priceOf,
  type Tariff,
  tariffs,
  tariffsByCode,
} from './parcels-places.ts'

export type Answer = { status: number; body: object }

/** @param kind which of `/location/cities`, `suggest` and `coordinates`. */
export function findCities(kind: string | undefined, query: URLSearchParams): object {
  const isEnglish = query.get('lang') === 'eng'
  if (kind === 'coordinates') {
    const found = nearestCity(Number(query.get('latitude')), Number(query.get('longitude')))
    return found ? cityToJson(found, isEnglish) : {}
  }
  const countries = listOf(query, 'country_codes') ?? listOf(query, 'country_code')
  const fitting = cities.filter(({ country }) => !countries || countries.includes(country))
  if (kind === 'suggest') {
    const words = plainName(query.get('name') ?? '')
    if (words === '') return []
    return fitting
      .filter(({ city, nameEn }) => plainName(city).startsWith(words) || plainName(nameEn).startsWith(words))
      .slice(0, 10)
      .map(({ code, city, country, region }) => ({
        city_uuid: `00000000-0000-4000-8000-${String(code).padStart(12, '0')}`,
        code,
        full_name: [city, region === city ? undefined : region, countryNames[country]].filter(Boolean).join(', '),
        country_code: country,
      }))
  }
  const name = query.get('city')
  const code = query.get('code')
  const found = fitting
    .filter((city) => code === null || String(city.code) === code)
    .filter(({ city, nameEn }) => {
      return name === null || [plainName(city), plainName(nameEn)].includes(plainName(name))
    })
  return pageOf(found, query, 1000).map((city) => cityToJson(city, isEnglish))
}

const countryNames = { RU: 'Россия', KZ: 'Казахстан', BY: 'Беларусь' }

function cityToJson(city: City, isEnglish: boolean): object {
  return {
    code: city.code,
    city_uuid: `00000000-0000-4000-8000-${String(city.code).padStart(12, '0')}`,
    city: isEnglish ? city.nameEn : city.city,
    country_code: city.country,
    country: countryNames[city.country],
    region: city.region,
    longitude: city.longitude,
    latitude: city.latitude,
    time_zone: city.timeZone,
    payment_limit: -1,
  }
}

export function findPoints(query: URLSearchParams): Answer {
  const cityCode = query.get('city_code')
  if (cityCode !== null && !/^\d+$/.test(cityCode)) {
    const message = `Invalid value [${cityCode}] in [city_code] parameter`
    return { status: 400, body: { errors: [{ code: 'v2_invalid_format', message }] } }
  }
  const type = query.get('type') ?? 'ALL'
  const code = query.get('code')
  const country = query.get('country_code')
  const found = deliveryPoints.filter(
    (point) =>
      (cityCode === null || String(point.city.code) === cityCode) &&
      (type === 'ALL' || point.type === type) &&
      (code === null || point.code === code) &&
      (country === null || point.city.country === country),
  )
  return { status: 200, body: pageOf(found, query, found.length).map(pointToJson) }
}

function pointToJson(point: DeliveryPoint): object {
  const { city } = point
  const isLocker = point.type === 'POSTAMAT'
  return {
    code: point.code,
    name: `${isLocker ? 'Постамат' : 'Пункт выдачи'} ${point.code}, ${city.city}`,
    uuid: `00000000-0000-4000-9000-${Buffer.from(point.code).toString('hex').slice(-12).padStart(12, '0')}`,
    location: {
      country_code: city.country,
      region: city.region,
      city_code: city.code,
      city: city.city,
      longitude: point.longitude,
      latitude: point.latitude,
      address: point.address,
      address_full: `${countryNames[city.country]}, ${city.region}, ${city.city}, ${point.address}`,
    },
    work_time: point.workTime,
    work_time_list: Array.from({ length: 7 }, (_, index) => ({
      day: index + 1,
      time: isLocker ? '00:00/23:59' : index < 5 ? '10:00/20:00' : '10:00/18:00',
    })),
    phones: [{ number: '+74950090405' }],
    type: point.type,
    owner_code: 'CDEK',
    take_only: isLocker,
    is_handout: true,
    is_reception: !isLocker,
    is_dressing_room: !isLocker,
    have_cashless: true,
    have_cash: !isLocker,
    allowed_cod: true,
    weight_min: 0,
    weight_max: isLocker ? 15 : 30,
    fulfillment: false,
  }
}

/** @param kind `tariff` for one, `tarifflist` for all that go there. */
export function calculate(kind: string | undefined, body: unknown, now: number): Answer {
  const refuse = (code: string, message: string): Answer => ({
    status: 400,
    body: { errors: [{ code, additional_code: '0x00000000', message }] },
  })
  const request = asRecord(body)
  const from = locationToCity(request['from_location'])
  const to = locationToCity(request['to_location'])
  const hint = 'Check your input data and try to provide more details'
  if (!from) return refuse('v2_sender_location_not_recognized', `Sender location is not recognized. ${hint}`)
  if (!to) return refuse('v2_recipient_location_not_recognized', `Recipient location is not recognized. ${hint}`)
  const grams = chargedGrams(request['packages'])
  if (grams === undefined) return refuse('v2_field_is_empty', '[packages.weight] must be above 0')

  if (kind === 'tarifflist') {
    const tariff_codes = tariffs.flatMap((tariff) => {
      const price = priceOf(tariff, from, to, grams)
      return price ? [{ ...tariffToJson(tariff), ...priceToJson(price, now) }] : []
    })
    return { status: 200, body: { tariff_codes } }
  }
  const tariff = tariffsByCode.get(Number(request['tariff_code']))
  if (!tariff)
    return refuse('v2_tariff_code_invalid', `Tariff [${String(Number(request['tariff_code']))}] is not found`)
  const price = priceOf(tariff, from, to, grams)
  if (!price) {
    return refuse('err_result_service_empty', 'По данному направлению при заданных условиях выбранный тариф недоступен')
  }
  return {
    status: 200,
    body: { ...priceToJson(price, now), weight_calc: grams, services: [], total_sum: price.sum, currency: 'RUB' },
  }
}

/** Of all parcels, each by its real or its volume weight (cm³ / 5000), whichever is more. */
function chargedGrams(packages: unknown): number | undefined {
  // A single object is taken for a list of one, as the real one does.
  const parcels: unknown[] = Array.isArray(packages) ? packages : packages === undefined ? [] : [packages]
  if (parcels.length === 0) return undefined
  let sum = 0
  for (const parcel of parcels) {
    const { weight, length, width, height } = asRecord(parcel)
    if (!(Number(weight) > 0)) return undefined
    const volume = (Number(length ?? 0) * Number(width ?? 0) * Number(height ?? 0)) / 5
    sum += Math.max(Number(weight), volume > 0 ? volume : 0)
  }
  return sum
}

function tariffToJson({ code, name, mode }: Tariff): object {
  return { tariff_code: code, tariff_name: name, tariff_description: name, delivery_mode: mode }
}

function priceToJson(price: { sum: number; daysMin: number; daysMax: number }, now: number): object {
  const { sum, daysMin, daysMax } = price
  const date = (days: number): string => new Date(now + days * 24 * 3_600_000).toISOString().slice(0, 10)
  return {
    delivery_sum: sum,
    period_min: daysMin,
    period_max: daysMax,
    calendar_min: daysMin,
    calendar_max: daysMax,
    delivery_date_range: { min: date(daysMin), max: date(daysMax) },
  }
}

function pageOf<T>(items: T[], query: URLSearchParams, sizeDefault: number): T[] {
  const size = Number(query.get('size') ?? sizeDefault)
  const page = Number(query.get('page') ?? 0)
  return Number.isInteger(size) && Number.isInteger(page) && size > 0 && page >= 0
    ? items.slice(page * size, (page + 1) * size)
    : []
}

function listOf(query: URLSearchParams, name: string): string[] | undefined {
  const values = query.getAll(name)
  return values.length > 0 ? values.flatMap((value) => value.split(',')) : undefined
}
