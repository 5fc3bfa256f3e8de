"""What the name of a column says about a person, in English, German, French, Spanish and others.

The one list of such names: the scan for personal data and `keel contract infer` both read it. A
name alone decides nothing; `personal_values` asks whether the values can be what it says.
"""

from __future__ import annotations

import re
import unicodedata

KINDS: dict[str, str] = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "name": "names of people",
    "address": "postal addresses",
    "street": "streets of postal addresses",
    "birth": "dates of birth",
    "ssn": "social security numbers",
    "national": "identity numbers",
    "bank": "account numbers",
    "card": "card numbers",
    "ip": "IP addresses",
    "user": "user names",
    "plate": "licence plates",
}
"""What a kind is called."""

HEALTH_KINDS: dict[str, str] = {
    "record": "codes of a patient or a record",
    "licence": "certificate or licence numbers",
    "device": "serial numbers of vehicles or devices",
    "url": "web addresses",
    "biometric": "biometric data or photographs",
    "place": "places smaller than a state",
    "event": "dates of an event in a person's life",
}
"""The same, of identifiers that only HIPAA counts."""

_PHRASES: dict[str, str] = {
    "email": "email|e mail|mail|courriel|correo|correo electronico|mailadresse|posta elettronica",
    "phone": "phone|telephone|telefon|mobile|cell|cellphone|fax|handy|telefonnummer|handynummer|"
    "mobilnummer|rufnummer|telefone|telefono|movil|portable|numero telephone|cellulare|celular|"
    "telefoon|tel|tel nr|msisdn|whatsapp|telefax",
    "name": "first name|last name|full name|family name|given name|middle name|maiden name|"
    "surname|forename|customer name|client name|patient name|employee name|applicant name|"
    "borrower name|person name|contact name|student name|passenger name|account holder|"
    "cardholder name|cardholder|next kin|vorname|nachname|familienname|zuname|geburtsname|"
    "kundenname|kontoinhaber|ansprechpartner|prenom|nom famille|nom client|nom complet|apellido|"
    "apellidos|primer nombre|nombre completo|nombre cliente|cognome|sobrenome|voornaam|"
    "achternaam|mother name|father name|fname|lname",
    "address": "address|adresse|anschrift|direccion|indirizzo|endereco|adres|domicilio|"
    "hausanschrift|wohnadresse|lieferadresse|rechnungsadresse|home address|"
    "street address|postal address|mailing address|billing address|shipping address|"
    "domicile|addr|address line",
    "street": "street|strasse|strassenname|calle|rue|straat|ulica",
    "birth": "birth date|date birth|dob|birthday|birth day|geburtsdatum|geburtstag|geb dat|gebdat|"
    "date naissance|naissance|fecha nacimiento|nacimiento|data nascita|data nascimento|"
    "geboortedatum",
    "ssn": "ssn|social security|social security number|soc sec",
    "national": "passport|passport number|national id|identity card|id card|tax id|taxpayer id|"
    "tin number|national insurance|nino|nhs number|personalausweis|ausweisnummer|reisepass|"
    "reisepassnummer|steuernummer|steuer id|steueridentifikationsnummer|sozialversicherungsnummer|"
    "rentenversicherungsnummer|svnr|ahv|ahv nummer|numero securite sociale|securite sociale|"
    "carte identite|numero fiscal|passeport|dni|nie|nif|pasaporte|seguridad social|"
    "codice fiscale|bsn|burgerservicenummer|pesel|personnummer|hetu|cpr nummer|cpr number|cpf|"
    "curp|drivers license|driver license|driving licence|driver licence|fuhrerschein|"
    "fuhrerscheinnummer|fuehrerschein|permis conduire|aadhaar|pan number",
    "bank": "iban|bank account|account number|account no|account nr|acct number|kontonummer|"
    "numero compte|compte bancaire|numero cuenta|cuenta bancaria|conto corrente|rekeningnummer",
    "card": "credit card|credit card number|card number|card no|kreditkarte|kreditkartennummer|"
    "kartennummer|carte bancaire|numero carte|tarjeta|tarjeta credito|numero tarjeta|pan|cc num|"
    "cc number",
    "ip": "ip|ip address|ip adresse|ip addr|adresse ip|direccion ip|client ip|remote addr",
    "user": "username|user name|login|login name|screen name|benutzername|nom utilisateur|"
    "identifiant utilisateur|nombre usuario|usuario|twitter handle|account name",
    "plate": "license plate|licence plate|number plate|plate number|kfz kennzeichen|"
    "kennzeichen|plaque immatriculation|immatriculation|matricula|targa|kenteken",
}
_HEALTH_PHRASES: dict[str, str] = {
    "record": "mrn|medical record|record number|patient id|patient number|patient nr|patient key|"
    "patient no|patient code|patientid|subject id|member id|member number|person id|case id|"
    "case number|beneficiary|beneficiary id|health plan|policy number|insurance number|"
    "subscriber id|encounter id|visit id|admission id|hadm id|stay id|patientennummer|patienten id|"
    "fallnummer|versichertennummer|krankenversichertennummer|numero patient|numero dossier|"
    "id paciente|historia clinica|numero historia",
    "licence": "certificate number|license number|licence number|npi|dea number",
    "device": "vin|vehicle id|serial number|device id|device serial|device identifier|"
    "implant serial|mac address|imei|udi|seriennummer|numero serie",
    "url": "url|website|web site|homepage|web address",
    "biometric": "photo|photograph|fingerprint|face image|full face|portrait|retina|iris scan|"
    "voice print|voiceprint|lichtbild|passbild|huella",
    "place": "zip|zipcode|zip code|postcode|postal code|post code|plz|postleitzahl|code postal|"
    "codigo postal|cap code|city|town|county|precinct|parish|village|municipality|district|"
    "neighborhood|neighbourhood|stadt|wohnort|ort|gemeinde|landkreis|ville|commune|ciudad|"
    "municipio|comune|fips|census tract",
    "event": "admission date|admit date|date admission|discharge date|date discharge|death date|"
    "date death|dod|service date|date service|visit date|date visit|surgery date|date surgery|"
    "encounter date|diagnosis date|date diagnosis|procedure date|appointment date|"
    "admission time|admit time|admittime|discharge time|dischtime|deathtime|aufnahmedatum|"
    "entlassungsdatum|entlassdatum|sterbedatum|todesdatum|operationsdatum|date admission|"
    "date sortie|date deces|fecha ingreso|fecha alta|fecha defuncion|"
    "test date|lab date|treatment date|onset date|vaccination date|therapy date|exam date|"
    "examination date|prescription date|referral date",
}
_PEOPLE = (
    "name|nom|nombre|nome|naam|namen|contact|kontakt|person|kunde|kundin|customer|client|cliente|"
    "patient|employee|applicant|passenger|student|author|owner|holder|doctor|physician|teacher|"
    "player|manager|agent|user|driver|member|worker|staff|seller|buyer|tenant|landlord|mitarbeiter|"
    "inhaber|arzt|fahrer|empleado|medico|titular|salarie|medecin|auteur"
)
_PEOPLE_WORDS = frozenset(_PEOPLE.split("|"))
_AGE_WORDS = frozenset({"age", "alter", "edad", "eta", "idade", "leeftijd"})
_QUANTITY = (
    "amount|average|avg|budget|bytes|cost|count|counts|gb|income|mb|mean|median|minutes|price|rate|"
    "ratio|revenue|sales|score|sessions|share|size|total|traffic|usage|users|visits|volume|weight|"
    "wt|year"
)
_QUANTITIES = frozenset(_QUANTITY.split("|"))
_LEAST_TAIL = 5  # letters of a phrase that may begin or end a longer word

_Rules = dict[str, tuple[tuple[frozenset[str], str], ...]]


def _compiled(phrases: dict[str, str]) -> _Rules:
    return {
        kind: tuple(
            (frozenset(phrase.split()), phrase.replace(" ", "")) for phrase in text.split("|")
        )
        for kind, text in phrases.items()
    }


_RULES, _HEALTH_RULES = _compiled(_PHRASES), _compiled(_HEALTH_PHRASES)


def words(name: str) -> list[str]:
    """The words of a name, in lower case without accents: `CustomerId` gives customer, id."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return re.findall(r"[^\W_]+", split.lower())


def kinds_of(name: str, *, health: bool = False) -> list[str]:
    """What a name may say, as keys of KINDS, and of HEALTH_KINDS where asked; the best first."""
    found = words(name)
    if _QUANTITIES & set(found):
        return []  # the count of phones is nobody's
    rules = {**_RULES, **_HEALTH_RULES} if health else _RULES
    together, each = "".join(found), set(found)
    exact = [kind for kind, known in rules.items() if any(_says(each, *phrase) for phrase in known)]
    part = [
        kind
        for kind, known in rules.items()
        if kind not in exact and any(_within(together, joined) for _, joined in known)
    ]
    return [*exact, *part]


def may_be_people(name: str) -> bool:
    """Whether a name leaves room for names of people: `name`, `owner`."""
    return bool(_PEOPLE_WORDS & set(words(name)))


def is_age(name: str) -> bool:
    """Whether a name says age."""
    return bool(_AGE_WORDS & set(words(name)))


def _says(found: set[str], phrase: frozenset[str], joined: str) -> bool:
    return phrase <= found or joined in found


def _within(together: str, joined: str) -> bool:
    if len(joined) < _LEAST_TAIL:
        return False
    return together.startswith(joined) or together.endswith(joined)
