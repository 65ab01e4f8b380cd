"""Takes a few worked values of the general kinetic model from the spreadsheet
gkm_validation_calculations.xlsx of ASLDRO (gold-standard-phantoms/asldro,
src/asldro/data, MIT licence), whose cells hold values computed by Excel from
formulas for f = 60 mL/100 g/min, transit time 0.5 s, M0 = 1, bolus 1 s,
efficiency 1, partition coefficient 0.9 mL/g, T1 of blood 1.6 s and of tissue
1.4 s. Run 2026-11-23 with Python 3.11:

    python3 make.py gkm_validation_calculations.xlsx > gkm.tsv
"""
import re, sys, zipfile

z = zipfile.ZipFile(sys.argv[1])
print("labelling\tt\tdelta_m")
for sheet, name, column in (("sheet1", "PASL", "Q"), ("sheet2", "CASL", "P")):
    text = z.read(f"xl/worksheets/{sheet}.xml").decode()
    cell = {r: v for r, v in re.findall(r'<c r="([A-Z]+\d+)"[^>]*?>(?:<f[^>]*?(?:/>|>.*?</f>))?<v>(.*?)</v>', text, re.S)}
    for row in range(6, 31, 2):
        print(name, cell[f"I{row}"], cell[f"{column}{row}"], sep="\t")
