/** Words that a generated catalogue is made of, most frequent first; the rest is made up from syllables. */

const list = (words: string) => words.trim().split(/\s+/)

/** What a thing is. Each is a category of its own. */
export const nouns = list(`
  чехол футболка кроссовки платье кабель наушники сумка рюкзак часы телефон шампунь крем кофе чай куртка джинсы ботинки
  лампа стул стол кружка тарелка нож сковорода кастрюля чайник утюг пылесос телевизор ноутбук планшет клавиатура мышь
  монитор колонка зарядка аккумулятор батарейка фонарь отвертка дрель молоток пила перфоратор шуруповерт краска кисть
  обои плитка коврик ковер штора подушка одеяло матрас полотенце халат тапочки носки шапка шарф перчатки ремень очки
  зонт кошелек брелок кольцо серьги браслет цепочка духи помада тушь пудра лосьон мыло гель маска щетка паста расческа
  фен бритва триммер весы термометр тонометр ингалятор витамины протеин батончик шоколад печенье конфеты варенье мед
  орехи сухофрукты макароны рис гречка масло соус специи соль сахар мука консервы корм лежанка поводок ошейник когтеточка
  наполнитель аквариум клетка игрушка кукла конструктор пазл мяч самокат велосипед коляска автокресло кроватка манеж
  пеленка подгузники бутылочка соска погремушка книга тетрадь ручка карандаш маркер пенал альбом глобус календарь рамка
  ваза свеча часовник зеркало полка шкаф комод тумба диван кресло кровать стеллаж вешалка корзина ведро швабра перчатка
  губка салфетки порошок кондиционер отбеливатель освежитель удобрение семена горшок лейка секатор шланг газонокосилка
  триммер мангал гриль палатка спальник термос котелок удочка катушка леска воблер лодка весло гантели штанга скакалка
  эспандер тренажер коньки лыжи сноуборд шлем наколенники ракетка скейтборд видеокамера фотоаппарат объектив штатив
  дрон проектор роутер модем принтер сканер картридж видеокарта процессор память накопитель корпус кулер микрофон гитара
  синтезатор барабан флейта скрипка медиатор струны холодильник плита духовка микроволновка мультиварка блендер миксер
  тостер кофемолка кофеварка соковыжималка мясорубка вытяжка посудомойка стиральная сушилка обогреватель вентилятор
  увлажнитель очиститель kettle phone laptop headphones case charger speaker watch camera jacket`)

export const adjectives = list(`
  новый черный белый детский женский мужской беспроводной набор большой универсальный красный синий серый зеленый
  портативный спортивный электрический складной кожаный хлопковый деревянный металлический стеклянный керамический
  силиконовый прозрачный теплый зимний летний водонепроницаемый профессиональный компактный мощный тонкий мягкий
  домашний кухонный садовый автомобильный школьный офисный подарочный классический современный яркий розовый желтый
  бежевый коричневый фиолетовый золотой серебряный матовый глянцевый утепленный облегченный усиленный защитный
  натуральный органический увлажняющий питательный умный цифровой игровой механический быстрый тихий прочный двойной
  тройной круглый квадратный овальный длинный короткий узкий широкий premium pro mini max ultra smart wireless gaming`)

export const brands = list(`
  samsung xiaomi apple bosch philips tefal lg sony huawei honor redmi polaris redmond vitek scarlett braun panasonic
  makita dewalt metabo karcher electrolux indesit beko haier asus acer lenovo hp dell msi logitech razer hyperx jbl
  marshall sennheiser anker baseus ugreen borofone hoco adidas nike puma reebok demix columbia outventure merrell zara
  gloria befree ostin sela garnier nivea loreal maybelline vichy schwarzkopf dove rexona oral lacalut splat huggies
  pampers libero lego mattel hasbro simba barbie nerf whiskas royal purina brit acana greenfield ahmad lavazza jacobs
  nescafe alpen milka ritter barilla makfa mistral calve heinz ikea hoff askona ormatek yanis`)

export const colours = list(
  `черный белый серый синий красный зеленый бежевый розовый коричневый голубой желтый фиолетовый`,
)
export const materials = list(
  `хлопок полиэстер кожа сталь пластик дерево стекло керамика алюминий силикон шерсть лен резина`,
)
export const units = list(`мл г кг см мм вт гб л шт м`)

const starts = list(`ка ве ро ма ни лу со те ри до фа го му пе зи ла бо ше ну кра тро сла пре сти гри дво`)
const middles = list(`ле ра но ти ка ве до ма си ру по лен тор вис кал дер мон нев`)
const ends = list(`тель ник ность ка рок лен вор дан мет сон рит гас нов лик`)
const latin = list(`ka ve ro ma ni lu so te ri do fa xo mu pe zi la bo nex tron vio lex ter gen dor`)

/** Words nobody ever saw, in the manner of a language: for the long tail that each catalogue has. */
export function madeUp(count: number, random: () => number, alphabet: 'cyrillic' | 'latin'): string[] {
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)] ?? ''
  const words = new Set<string>()
  while (words.size < count) {
    const parts = 1 + Math.floor(random() * 2)
    words.add(
      alphabet === 'latin'
        ? Array.from({ length: parts + 1 }, () => pick(latin)).join('')
        : `${pick(starts)}${Array.from({ length: parts }, () => pick(middles)).join('')}${pick(ends)}`,
    )
  }
  return [...words]
}

/** The same numbers from the same seed, between 0 and 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
