//! PostgreSQL's words in the languages that it speaks: which one a server takes is its setting `lc_messages`.
//!
//! From the catalogues of its messages (`src/backend/po`), PostgreSQL 9.6 to 15.

use super::labels::Label::{self, Further, Main};
use super::labels::Part::{Backtrace, Context, Detail, Hint, Location, Query, Statement};
use super::labels::Severity::{Debug, Error, Fatal, Info, Log, Notice, Panic, Warning};
use super::message::Phase;

/// The labels of the most logs.
pub(super) const ENGLISH: &[(&str, Label)] = &[
    ("LOG", Main(Log)),
    ("ERROR", Main(Error)),
    ("STATEMENT", Further(Statement)),
    ("DETAIL", Further(Detail)),
    ("CONTEXT", Further(Context)),
    ("HINT", Further(Hint)),
    ("WARNING", Main(Warning)),
    ("NOTICE", Main(Notice)),
    ("FATAL", Main(Fatal)),
    ("PANIC", Main(Panic)),
    ("INFO", Main(Info)),
    ("DEBUG", Main(Debug)),
    ("QUERY", Further(Query)),
    ("LOCATION", Further(Location)),
    ("BACKTRACE", Further(Backtrace)),
];

/// The labels of other languages; words that are the same in English or another language above are not repeated.
#[rustfmt::skip]
pub(super) const OTHERS: &[(&str, Label)] = &[
    // German.
    ("FEHLER", Main(Error)), ("PANIK", Main(Panic)), ("WARNUNG", Main(Warning)), ("HINWEIS", Main(Notice)),
    ("TIPP", Further(Hint)), ("ANFRAGE", Further(Query)), ("ZUSAMMENHANG", Further(Context)),
    ("ORT", Further(Location)), ("ANWEISUNG", Further(Statement)),
    // French.
    ("ERREUR", Main(Error)), ("ATTENTION", Main(Warning)),
    ("DÉTAIL", Further(Detail)), ("ASTUCE", Further(Hint)), ("REQUÊTE", Further(Query)),
    ("CONTEXTE", Further(Context)), ("EMPLACEMENT", Further(Location)), ("PILE D'APPEL", Further(Backtrace)),
    ("INSTRUCTION", Further(Statement)),
    // Japanese.
    ("詳細", Further(Detail)), ("ヒント", Further(Hint)), ("問い合わせ", Further(Query)), ("文脈", Further(Context)),
    ("コンテキスト", Further(Context)), ("場所", Further(Location)), ("バックトレース", Further(Backtrace)),
    ("文", Further(Statement)), ("ステートメント", Further(Statement)),
    // Spanish.
    ("DETALLE", Further(Detail)), ("SUGERENCIA", Further(Hint)), ("CONSULTA", Further(Query)),
    ("CONTEXTO", Further(Context)), ("UBICACIÓN", Further(Location)), ("SENTENCIA", Further(Statement)),
    // Italian.
    ("ERRORE", Main(Error)), ("FATALE", Main(Fatal)), ("PANICO", Main(Panic)), ("ATTENZIONE", Main(Warning)),
    ("NOTIFICA", Main(Notice)), ("DETTAGLI", Further(Detail)), ("SUGGERIMENTO", Further(Hint)),
    ("CONTESTO", Further(Context)), ("POSIZIONE", Further(Location)), ("ISTRUZIONE", Further(Statement)),
    // Brazilian Portuguese.
    ("ERRO", Main(Error)), ("PÂNICO", Main(Panic)), ("AVISO", Main(Warning)), ("NOTA", Main(Notice)),
    ("DEPURAÇÃO", Main(Debug)), ("DETALHE", Further(Detail)), ("DICA", Further(Hint)), ("LOCAL", Further(Location)),
    ("COMANDO", Further(Statement)),
    // Russian.
    ("СООБЩЕНИЕ", Main(Log)), ("ОШИБКА", Main(Error)), ("ВАЖНО", Main(Fatal)), ("ПАНИКА", Main(Panic)),
    ("ПРЕДУПРЕЖДЕНИЕ", Main(Warning)), ("ЗАМЕЧАНИЕ", Main(Notice)), ("ИНФОРМАЦИЯ", Main(Info)),
    ("ОТЛАДКА", Main(Debug)), ("ПОДРОБНОСТИ", Further(Detail)), ("ПОДСКАЗКА", Further(Hint)),
    ("ЗАПРОС", Further(Query)), ("КОНТЕКСТ", Further(Context)), ("ПОЛОЖЕНИЕ", Further(Location)),
    ("СТЕК", Further(Backtrace)), ("ОПЕРАТОР", Further(Statement)),
    // Ukrainian.
    ("ЗАПИСУВАННЯ", Main(Log)), ("ПОМИЛКА", Main(Error)), ("ФАТАЛЬНО", Main(Fatal)), ("ПАНІКА", Main(Panic)),
    ("ПОПЕРЕДЖЕННЯ", Main(Warning)), ("ПОВІДОМЛЕННЯ", Main(Notice)), ("ІНФОРМАЦІЯ", Main(Info)),
    ("НАЛАГОДЖЕННЯ", Main(Debug)), ("ВІДОМОСТІ", Further(Detail)), ("УКАЗІВКА", Further(Hint)),
    ("ПІДКАЗКА", Further(Hint)), ("ЗАПИТ", Further(Query)), ("РОЗТАШУВАННЯ", Further(Location)),
    ("ВІДСТЕЖУВАТИ", Further(Backtrace)), ("ІНСТРУКЦІЯ", Further(Statement)),
    // Chinese, simplified and traditional.
    ("日志", Main(Log)), ("错误", Main(Error)), ("致命错误", Main(Fatal)), ("灾难性错误", Main(Panic)),
    ("比致命错误还过分的错误", Main(Panic)), ("警告", Main(Warning)), ("注意", Main(Notice)), ("信息", Main(Info)),
    ("调试", Main(Debug)), ("详情", Further(Detail)), ("详细信息", Further(Detail)), ("提示", Further(Hint)),
    ("查询", Further(Query)), ("上下文", Further(Context)), ("背景", Further(Context)), ("位置", Further(Location)),
    ("回溯", Further(Backtrace)), ("语句", Further(Statement)),
    ("日誌", Main(Log)), ("錯誤", Main(Error)), ("致命錯誤", Main(Fatal)), ("嚴重錯誤", Main(Panic)),
    ("資訊", Main(Info)), ("除錯", Main(Debug)), ("查詢", Further(Query)), ("陳述式", Further(Statement)),
    // Korean.
    ("로그", Main(Log)), ("오류", Main(Error)), ("치명적오류", Main(Fatal)), ("손상", Main(Panic)),
    ("경고", Main(Warning)), ("알림", Main(Notice)), ("정보", Main(Info)), ("디버그", Main(Debug)),
    ("상세정보", Further(Detail)), ("힌트", Further(Hint)), ("쿼리", Further(Query)), ("내용", Further(Context)),
    ("위치", Further(Location)), ("역추적", Further(Backtrace)), ("명령 구문", Further(Statement)),
    // Swedish.
    ("LOGG", Main(Log)), ("FEL", Main(Error)), ("FATALT", Main(Fatal)), ("VARNING", Main(Warning)),
    ("NOTIS", Main(Notice)), ("DETALJ", Further(Detail)), ("TIPS", Further(Hint)), ("FRÅGA", Further(Query)),
    ("KONTEXT", Further(Context)), ("PLATS", Further(Location)), ("SATS", Further(Statement)),
    // Polish.
    ("DZIENNIK", Main(Log)), ("BŁĄD", Main(Error)), ("KATASTROFALNY", Main(Fatal)), ("PANIKA", Main(Panic)),
    ("OSTRZEŻENIE", Main(Warning)), ("UWAGA", Main(Notice)), ("INFORMACJA", Main(Info)),
    ("SZCZEGÓŁY", Further(Detail)), ("PODPOWIEDŹ", Further(Hint)), ("ZAPYTANIE", Further(Query)),
    ("KONTEKST", Further(Context)), ("POZYCJA", Further(Location)), ("WYRAŻENIE", Further(Statement)),
    // Turkish.
    ("HATA", Main(Error)), ("ÖLÜMCÜL", Main(Fatal)), ("UYARI", Main(Warning)), ("BİLGİ", Main(Info)),
    ("AYRINTI", Further(Detail)), ("DETAY", Further(Detail)), ("İPUCU", Further(Hint)), ("SORGU", Further(Query)),
    ("BAĞLAM", Further(Context)), ("YER", Further(Location)), ("İFADE", Further(Statement)),
    // Czech.
    ("CHYBA", Main(Error)), ("PANIKA", Main(Panic)), ("VAROVÁNÍ", Main(Warning)), ("POZNÁMKA", Main(Notice)),
    ("DOPORUČENÍ", Further(Hint)), ("DOTAZ", Further(Query)), ("PŘÍKAZ", Further(Statement)),
    // Georgian; a warning and a notice are the same word there.
    ("ჟურნალი", Main(Log)), ("შეცდომა", Main(Error)), ("ფატალური", Main(Fatal)), ("პანიკა", Main(Panic)),
    ("გაფრთხილება", Main(Warning)), ("ინფორმაცია", Main(Info)), ("გამართვა", Main(Debug)),
    ("დეტალები", Further(Detail)), ("მინიშნება", Further(Hint)), ("მოთხოვნა", Further(Query)),
    ("კონტექსტი", Further(Context)), ("მდებარეობა", Further(Location)), ("სტეკი", Further(Backtrace)),
    ("ოპერატორი", Further(Statement)),
];

/// What stands for a name that the server does not know yet.
pub(super) const UNKNOWN: &[&str] = &[
    "[unknown]",
    "[unbekannt]",
    "[inconnu]",
    "[不明]",
    "[desconocido]",
    "[sconosciuto]",
    "[desconhecido]",
    "[н/д]",
    "[未知]",
    "[알수없음]",
    "[okänd]",
    "[nieznany]",
    "[bilinmiyor]",
    "[neznámý]",
    "[უცნობი]",
];

/// What stands before and behind the place in a query that a message ends with.
pub(super) const POSITIONS: &[(&str, &str)] = &[
    (" at character ", ""),
    (" bei Zeichen ", ""),
    (" au caractère ", ""),
    ("(", "文字目)"),
    (" en carácter ", ""),
    (" al carattere ", ""),
    (" no caracter ", ""),
    (" (символ ", ")"),
    (" символ ", ""),
    (" 第 ", " 个字符处"),
    (" 在第 ", " 個字元處"),
    (" ", " 번째 문자 부근"),
    (" vid tecken ", ""),
    (" przy znaku ", ""),
    (" სიმბოლოსთან ", ""),
];

/// What a message about a duration begins with.
pub(super) const DURATIONS: &[&str] = &[
    "duration: ",
    "Dauer: ",
    "durée : ",
    "期間: ",
    "duración: ",
    "durata: ",
    "duração: ",
    "продолжительность: ",
    "продолжительность ",
    "тривалість: ",
    "耗时: ",
    "持續時間: ",
    "실행시간: ",
    "수행시간: ",
    "작업시간: ",
    "varaktighet: ",
    "varaktighet ",
    "czas trwania: ",
    "ხანგრძლივობა: ",
];

/// The unit of a duration.
pub(super) const MILLISECONDS: &[&str] = &[" ms", " ミリ秒", "ミリ秒", " мс", " 毫秒", " მწმs", " მწმ"];

/// What follows a duration, the longer before what they begin with.
#[rustfmt::skip]
pub(super) const PHASES: &[(&str, Phase)] = &[
    ("statement: ", Phase::Statement), ("execute fetch from ", Phase::Fetch), ("execute ", Phase::Execute),
    ("parse: ", Phase::Parse), ("parse ", Phase::Parse), ("bind ", Phase::Bind), ("plan:\n", Phase::Plan),
    ("fastpath function call: ", Phase::Fastpath),
    // German.
    ("Anweisung: ", Phase::Statement), ("Ausführen Fetch von ", Phase::Fetch), ("Ausführen ", Phase::Execute),
    ("Parsen ", Phase::Parse), ("Binden ", Phase::Bind), ("Fastpath-Funktionsaufruf: ", Phase::Fastpath),
    // French.
    ("instruction : ", Phase::Statement), ("exécute fetch à partir de ", Phase::Fetch), ("exécute ", Phase::Execute),
    ("analyse ", Phase::Parse), ("lien ", Phase::Bind), ("appel de fonction fastpath : ", Phase::Fastpath),
    // Japanese.
    ("文: ", Phase::Statement), ("ステートメント: ", Phase::Statement), ("取り出し実行 ", Phase::Fetch), ("実行 ", Phase::Execute),
    ("パース", Phase::Parse), ("バインド ", Phase::Bind), ("ファストパス関数呼び出し: ", Phase::Fastpath),
    // Spanish.
    ("sentencia: ", Phase::Statement), ("ejecutar fetch desde ", Phase::Fetch), ("ejecutar ", Phase::Execute),
    ("llamada a función fastpath: ", Phase::Fastpath),
    // Italian.
    ("istruzione: ", Phase::Statement), ("esecuzione di fetch da ", Phase::Fetch), ("esecuzione di ", Phase::Execute),
    ("analisi di ", Phase::Parse), ("chiamata funzione fastpath: ", Phase::Fastpath),
    // Brazilian Portuguese.
    ("comando: ", Phase::Statement), ("executar busca de ", Phase::Fetch), ("executar ", Phase::Execute),
    // Russian.
    ("оператор: ", Phase::Statement), ("выборка из ", Phase::Fetch), ("выполнение ", Phase::Execute),
    ("разбор ", Phase::Parse), ("сообщение Bind ", Phase::Bind),
    // Ukrainian.
    ("виконати витягнення з ", Phase::Fetch), ("виконувати ", Phase::Execute), ("аналізування ", Phase::Parse),
    ("повідомлення bind ", Phase::Bind),
    // Chinese, simplified and traditional.
    ("语句: ", Phase::Statement), ("执行提取，来源为 ", Phase::Fetch), ("执行 ", Phase::Execute), ("解析 ", Phase::Parse),
    ("绑定 ", Phase::Bind), ("陳述式: ", Phase::Statement), ("執行擷取，來源為 ", Phase::Fetch), ("執行 ", Phase::Execute),
    ("繫結 ", Phase::Bind),
    // Korean; the names of what was parsed or bound stand before those words.
    ("명령 구문: ", Phase::Statement), ("자료뽑기 ", Phase::Fetch), ("쿼리실행 ", Phase::Execute),
    // Swedish.
    ("sats: ", Phase::Statement), ("kör hämtning från ", Phase::Fetch), ("kör ", Phase::Execute),
    // Polish.
    ("wyrażenie: ", Phase::Statement),
    // Georgian.
    ("გამოსახულება: ", Phase::Statement), ("ოპერატორი: ", Phase::Statement), ("გაშვება ", Phase::Execute),
    ("მიბმა ", Phase::Bind),
];

/// What a detail about parameters begins with; version 16 and later begin it with a capital.
pub(super) const PARAMETERS: &[&str] = &[
    "parameters: ",
    "Parameters: ",
    "Parameter: ",
    "paramètres : ",
    "Paramètres : ",
    "パラメータ: ",
    "パラメーター: ",
    "parámetros: ",
    "Parámetros: ",
    "parametri: ",
    "Parametri: ",
    "parâmetros: ",
    "Parâmetros: ",
    "параметры: ",
    "Параметры: ",
    "параметри: ",
    "Параметри: ",
    "参数: ",
    "參數: ",
    "매개 변수: ",
    "parametrar: ",
    "Parametrar: ",
    "პარამეტრები: ",
];
