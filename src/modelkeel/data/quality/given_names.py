"""Given names that are frequent in Europe and the Americas; months, flowers and places left out."""

_NAMES = """
aaron abdul abigail adam adele adrian adriana agnes ahmad ahmed aisha alan albert alberto
alejandra alejandro alex alexander alexandra alfred ali alice alicia alina allison amanda amelia
amelie amir amy ana andre andrea andreas andres andrew angela anita anja ann anna anne annette
anthony antoine anton antonia antonio arthur astrid aurelie barbara beatrice beatriz ben benedikt
benjamin bernard bernd bernhard betty bill birgit bob brandon brenda brian bruno camille carl
carla carlos carmen carol carolina caroline catherine cecile celine charles chloe chris christa
christian christina christine christoph christophe christopher claire clara claude claudia claus
clement colin craig cristina cynthia daniel daniela danielle david deborah dennis diana diane
diego dieter dirk dmitri dominik dominique donald donna doris dorothy edith eduardo edward eileen
eleanor elena elisabeth elise elizabeth ella ellen elsa elvira emil emilia emily emma emmanuel
enrique eric erich erik erika ernst esther eugene eva evelyn fabian fatima felix fernanda fernando
florian francesca francesco francis francisco francois francoise frank franz franziska fred
frederic friedrich fritz gabriel gabriela gary georg george gerald gerard gerd gerhard gertrud
gilles giovanni giulia giuseppe gloria gonzalo gordon greg gregory guido guillaume gunter gustav
hannah hannelore hans harald harold harry hassan heather heidi heike heinrich heinz helen helena
helene helga helmut henri henrik henry herbert hermann holger horst hugo ian ibrahim ida ignacio
ingeborg ingrid irene isabel isabella isabelle ivan jack jacqueline jacques jakob james jan jane
janet jason javier jean jeff jeffrey jennifer jens jeremy jessica jesus jim joachim joan joanna
joe joel johan johann johannes john jonas jonathan jorge jose josef joseph josephine joshua juan
juana judith judy julia julian julie julien jurgen justin jutta kai karen karin karl karl-heinz
karolina katarzyna kate katharina katherine kathleen kathrin katja keith kelly kenneth kerstin
kevin kim klaus konrad krzysztof kurt larry lars laura laure laurent lea lena leo leon leonie
lilly linda lisa logan lorenzo louis louise luca lucas lucia lucie lucy ludwig luigi luis luisa
lukas lutz magdalena malte manfred manuel manuela marc marcel marco marcus margaret margarete
maria mariana marie marina mario marion mark markus marta martha martin martina mary mateo mathieu
mathilde matteo matthew matthias max maximilian maya megan mehmet melanie melissa mia michael
michaela michel michele michelle miguel mike mohamed mohammad mohammed monica monika monique
moritz muhammad mustafa nadine nancy natalia natalie nathalie nathan nicholas nick nicolas nicole
nikolai nils nina noah nora norbert olaf oliver olivia olivier omar oscar otto owen pablo pamela
paola pascal patricia patrick paul paula pauline pedro peter petra philip philipp philippe pierre
piotr rachel rafael rainer ralf ralph ramon raphael raul raymond rebecca reinhard renate rene
ricardo richard rita robert roberto roger roland rolf roman ronald rosa ruben rudolf ruth ryan
sabine sabrina sally sam samantha samuel sandra sara sarah scott sean sebastian sergio sharon
shirley silke silvia simon simone sofia sonja sophia sophie stefan stefanie stephan stephanie
stephen steven stuart susan susana susanne svenja sylvia sylvie tanja tatiana ted teresa theo
theodor theresa thierry thomas thorsten tim timothy tina tobias tom tomas torsten ulrich ulrike
ursula ute uwe valentina valerie vanessa vera veronica veronika victor viktor vincent virginie
vladimir walter waltraud werner wilhelm william wolfgang xavier yasmin yolanda yusuf yves yvonne
zoe
"""
GIVEN = frozenset(_NAMES.split())
